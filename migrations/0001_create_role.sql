-- +goose Up
-- The program's own role. It owns nothing, so it cannot give itself a right that a migration did not grant: that is what
-- makes the append-only tables append-only. Each later migration grants to it what the program needs, table by table.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_app') THEN
        CREATE ROLE exchequer_app NOLOGIN;
    END IF;
EXCEPTION
    -- A role belongs to the whole server: another database of it may be migrated at the same moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role exchequer_app is missing and % may not create it', current_user
            USING HINT = 'as an administrator: CREATE ROLE exchequer_app NOLOGIN; GRANT exchequer_app TO ' || quote_ident(current_user);
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
BEGIN
    -- Where one address serves the owner and the program, the owner must be able to become the program.
    IF NOT pg_has_role(current_user, 'exchequer_app', 'MEMBER') THEN
        EXECUTE format('GRANT exchequer_app TO %I', current_user);
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Left in place on purpose: other databases of this server may use the role.
SELECT 1;
