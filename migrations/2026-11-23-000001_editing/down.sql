drop table revisions;
drop table documents;
