drop table secrets;
drop table audit;
drop function refuse_to_change_the_audit;
drop table schedules;
drop table keys;
drop index revisions_saved;
alter table documents drop column deleted_at;
