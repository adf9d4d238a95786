-- Events of agreements are in their files, signed; what became of them is in the audit log.
DROP TABLE agreement_event;
