select _record, sku as product_id, name_zh, name_en, category, department, division, price, currency from products
