-- One row per field of a form: its name and the label people see.
select distinct raw ->> 'form_id' as form_id, raw ->> 'name' as name, raw ->> 'label' as label from widgets
