-- Every contractor, but those whose contract ended long ago.
-- Columns that mappings/base.yml uses have the same names as in the employees' file.
SELECT
    c.id AS "ContractorID",
    c.first_name AS "FirstName",
    c.last_name AS "LastName",
    c.email AS "Email",
    c.phone AS "Phone",
    c.language AS "Language",
    c.lead_id AS "LeadID",
    c.blocked AS "Blocked",
    k.vendor AS "Vendor",
    k.role AS "JobTitle",
    k.department AS "Department",
    k.status AS "ContractStatus",
    k.start_date AS "StartDate",
    k.end_date AS "EndDate"
FROM contractors AS c
JOIN contracts AS k ON k.contractor_id = c.id
WHERE k.end_date IS NULL OR k.end_date >= :ended_since
ORDER BY c.id
