-- Responses that a change has invalidated.
delete from stored_responses
where exists (
    select from tag_changes
    where tag_changes.tag = any (stored_responses.tags) and tag_changes.sequence > stored_responses.sequence
)
