-- Failure means that somebody in a holdout is about to be messaged: stop and look.
select
    members.audience_id,
    members.customer_id,
    assignments.experiment_id
from {{ ref("audience_members") }} as members
inner join {{ ref("audiences") }} as audiences on members.audience_id = audiences.audience_id
inner join {{ ref("customer_contacts") }} as contacts on members.contact_id = contacts.contact_id
-- A contact bears the name of its oldest account, and bore that of another before that one joined.
inner join {{ ref("holdout_assignments") }} as assignments
    on contacts.customer_id = assignments.contact_id
where
    assignments.arm = 'holdout'
    and (
        (assignments.experiment_id = 'global' and audiences.message_class = 'promotional')
        or assignments.experiment_id = audiences.holdout_experiment_id
    )
