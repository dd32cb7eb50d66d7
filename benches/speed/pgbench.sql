-- An article's response as one row.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
select body from bench.responses where slug = ('article-' || :n);
