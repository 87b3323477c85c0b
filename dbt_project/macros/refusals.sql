{#
    By which reasons of the ledger a row is in no figure for want of somebody's leave: the gate gives them.

    refused_without_consent()  no consent, none of a guardian, or one under a notice that is not listed
    refused_without_ground()   these, and no basis or no purpose at all
    withheld_since()           let in, and in no figure now: for other purposes or one named no more, because a consent ended, or their law, learnt since, knows no basis
#}
{% macro refused_without_consent() -%}
    'no_consent', 'minor_without_guardian', 'consent_under_other_notice'
{%- endmacro %}

{% macro refused_without_ground() -%} {{ refused_without_consent() }}, 'no_basis', 'no_purpose' {%- endmacro %}

{% macro withheld_since() -%} 'purpose', 'withdrawn', 'consent_under_other_notice', 'no_basis' {%- endmacro %}
