-- Nobody may be above themselves in the tree of invitations. Of two that would close a cycle together, the second waits
-- for the first to commit and then sees it: each statement of the function has a snapshot of its own.
CREATE FUNCTION refuse_invitation_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_above uuid := NEW.inviter_id;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('promoter_inviters'));
  WHILE v_above IS NOT NULL LOOP
    IF v_above = NEW.member_id THEN
      RAISE EXCEPTION 'member % would be above themselves in the tree of invitations', NEW.member_id
        USING ERRCODE = 'FS423';
    END IF;
    SELECT inviter_id INTO v_above FROM promoter_inviters WHERE member_id = v_above;
  END LOOP;
  RETURN NEW;
END $$;
