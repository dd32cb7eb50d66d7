(
    select jsonb_object_agg(
        concat_ws('#', links.target_slug, links.target_fragment),
        concat_ws('#', target.slug, coalesce(sections.anchor, links.target_fragment))
    )
    from links
    join addresses on addresses.slug = links.target_slug
    join articles as target on target.id = addresses.article_id
    left join section_addresses
        on section_addresses.article_id = target.id and section_addresses.reference = links.target_fragment
    left join sections on sections.id = section_addresses.section_id and sections.removed_at is null
    where links.article_id = articles.id
        and links.kind = 'linked'
        and (target.slug <> links.target_slug or sections.anchor <> links.target_fragment)
)
