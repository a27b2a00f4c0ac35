package awsglue

import "github.com/refract-io/refract/internal/aws/denial"

// deniedHint says what to grant.
func deniedHint(message string) string {
	switch d := denial.Read(message); {
	case d.LakeFormation:
		return d.Cure
	case d.Action == "":
		return "allow the action in the role's policy, on the table, its database and the catalog"
	case d.Explicit != "":
		return "a policy denies the role " + d.Action + " explicitly: take that statement away or except the role from it"
	case d.Action == "lakeformation:GetDataAccess":
		return "allow lakeformation:GetDataAccess on * in the policy of the role that reads"
	case d.Resource == "":
		return "allow " + d.Action + " in the role's policy, on the table, its database and the catalog"
	default:
		return "allow " + d.Action + " on " + d.Resource + " in the role's policy; Glue asks for it on the table, its database and the catalog"
	}
}
