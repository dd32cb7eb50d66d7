-- What the service asks Postgres for one article that was read before: its own statement, which follows, behind values in place
-- of `$1`. The bench looks at what the service really sends and says so if it is not this any more.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
with given as (select ('/v1/articles/article-' || :n) as key, :build::text as build)
