-- Failure means landing lost a record: each one is loaded, rejected, a duplicate or erased.
select
    table_name,
    file_name,
    rows_read as expected,
    rows_loaded + rows_rejected + exact_duplicates + rows_erased as observed
from {{ ref("load_report") }}
where rows_read <> rows_loaded + rows_rejected + exact_duplicates + rows_erased
