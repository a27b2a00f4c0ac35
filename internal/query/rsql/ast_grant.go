package rsql

type (
	// Grant is GRANT of privileges on objects, or of roles when Roles is set.
	Grant struct {
		Source
		Privileges []Privilege
		On         GrantTarget
		Roles      []Name
		To         []Grantee
		GrantOpt   bool // WITH GRANT OPTION, or WITH ADMIN OPTION for roles
	}
	// Revoke is REVOKE of the same.
	Revoke struct {
		Source
		GrantOptionFor bool
		Privileges     []Privilege
		On             GrantTarget
		Roles          []Name
		From           []Grantee
		Cascade        bool
	}
)

// Privilege is a privilege with the columns it is limited to. The name is
// lower case: usage, select, create, all, ...
type Privilege struct {
	Name    string
	Columns []Name
}

// GrantTarget is what privileges are on. Kind is table, schema, database,
// function, procedure, language, all tables in schema, all functions in
// schema, all procedures in schema, or system for system permissions.
type GrantTarget struct {
	Kind  string
	Names []ObjectName
}

// Grantee is who gets a privilege. Kind is user, group, role or public.
type Grantee struct {
	Kind string
	Name Name
}
