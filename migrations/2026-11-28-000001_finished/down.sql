drop table finished_articles;
drop table tag_changes;
