delete from changes where type = 'hot';
alter table changes drop constraint changes_type_check, drop constraint changes_check;
alter table changes
    add constraint changes_type_check
        check (type in ('published', 'updated', 'moved', 'withdrawn', 'deleted', 'site', 'topics', 'pins')),
    add constraint changes_check check ((article_id is null) = (type in ('site', 'topics', 'pins')));
drop table hot;
drop table views;
drop table completions;
drop table passages;
alter table articles drop column likeness, drop column ordinal;
