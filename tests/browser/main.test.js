// All tests of the pages, in one process: one service and one browser serve them all. `looks` is first: its pictures
// show the bundled library alone; the others add to it.

import "./looks.js";
import "./read.js";
import "./contents.js";
import "./search.js";
import "./more.js";
import "./addresses.js";
import "./states.js";
import "./access.js";
import "./budget.js";
import "./example.js";
