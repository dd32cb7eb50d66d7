// All browser tests run in one process, with one service and one browser. `looks` is first, because its screenshots show
// only the bundled library; later tests add articles.

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
