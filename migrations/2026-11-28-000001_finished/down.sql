drop table finished_articles;
drop trigger note_tags on changes;
drop function note_tags;
drop table tag_changes;
