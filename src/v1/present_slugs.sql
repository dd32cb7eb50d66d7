(
    select jsonb_object_agg(links.target_slug, target.slug)
    from links
    join addresses on addresses.slug = links.target_slug
    join articles as target on target.id = addresses.article_id
    where links.article_id = articles.id and links.kind = 'linked' and target.slug <> links.target_slug
)
