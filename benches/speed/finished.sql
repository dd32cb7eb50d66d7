-- The same article as one finished row.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
select body from bench.finished where slug = ('article-' || :n);
