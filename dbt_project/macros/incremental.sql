{#
    Building on what stands: long models take in only the records that a build touches.

    A build is full (`--full-refresh`) or an increment; orchestration/modelling.py decides which and tells, as relations
    of the lake, what is new: `_build` (number of this build, and until when the last one knew), `_fresh` (loads that no
    build has seen) and `_remapped` (pseudonyms whose current subject changed, with the subjects they had and have).
    A staged row notes in modelled_in which build wrote it: 0, or the number of the increment.

    this_build()               scalar: the number of the increment
    fresh_loads()              a select of the loads that no build has seen
    follows(model, key)        configures a model with one row per current record of a staging model: an increment
                               deletes the records that were touched, and
    only_touched()             (a condition to go with it, begins with `and`) takes in those that are current
    follows_all(models, key)   the same for a model whose `key` holds the keys of several staging models: {model: key},
    only_touched_of(model, key)  and the condition (begins with `where`) that goes with it, for the rows of one of them
#}
{% macro this_build() -%} (select number from {{ source("lake", "_build") }}) {%- endmacro %}

{% macro fresh_loads() -%}(select load_id from {{ source("lake", "_fresh") }}) {%- endmacro %}

{% macro follows(model, key) %} {{ follows_all({model: key}, key) }} {% endmacro %}

{% macro follows_all(models, key) %}
    {{
        config(
            materialized="incremental",
            incremental_strategy="append",
            pre_hook="{{ forget_touched(" ~ tojson(models) ~ ", " ~ tojson(key) ~ ") }}",
        )
    }}
    {% if not execute %} {% for model in models %} {% do ref(model) %} {% endfor %} {% endif %}
{% endmacro %}

{% macro forget_touched(models, key) -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            {% for model, record_key in models.items() %}
                {% if not loop.first %} or {% endif %} {{ key }} in ({{ touched_records(model, record_key) }})
            {% endfor %}
    {% endif %}
{%- endmacro %}

{% macro touched_records(model, key) -%}
    select {{ key }} from {{ ref(model) }} where modelled_in = {{ this_build() }}
{%- endmacro %}

{% macro only_touched() -%} {% if is_incremental() %} and modelled_in = {{ this_build() }} {% endif %} {%- endmacro %}

{% macro only_touched_of(model, key) -%}
    {% if is_incremental() %} where {{ key }} in ({{ touched_records(model, key) }}) {% endif %}
{%- endmacro %}
