// Package denial reads the texts with which AWS denies a call. IAM's names the action, often the resource, and the kind of policy that decided
// (IAM user guide, "Access denied error messages"). Lake Formation's, where it governs a catalog beside IAM, names a permission of its own and
// the resource as it writes it.
package denial

import (
	"fmt"
	"regexp"
	"strings"
)

// Denial is what a text says. Everything may be empty: some services deny without a reason.
type Denial struct {
	// Action is the IAM action that is missing, for example glue:GetTable, and Resource its ARN.
	Action, Resource string
	// Explicit is the policy that denies the action whatever others allow: "service control policy", or "policy" if the text does not say which.
	Explicit string
	// Elsewhere is a policy that is not the caller's own and would have to allow too: "resource-based policy".
	Elsewhere string
	// LakeFormation is true if Lake Formation denies, and Cure what is to be granted there.
	LakeFormation bool
	Cure          string
}

var (
	action   = regexp.MustCompile(`not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9]+)(?:,? on resource: (\S+))?`)
	explicit = regexp.MustCompile(`explicit deny(?: in an? ([A-Za-z -]+?)(?: policy)?(?:[:.,]|$))?`)
	// IAM names the kind of policy that does not allow: that is elsewhere if it is not the caller's own.
	silent = regexp.MustCompile(`because no ([A-Za-z -]+?)(?: policy)? allows`)
)

// lakeFormation are Lake Formation's texts, the narrower ones first, and what cures them.
var lakeFormation = []struct {
	text *regexp.Regexp
	cure func(found []string) string
}{
	{regexp.MustCompile(`Insufficient Lake Formation permission\(s\):? (?:Required )?on (s3:\S+)`), func(found []string) string {
		return fmt.Sprintf("grant the role a data location permission (DATA_LOCATION_ACCESS) on %s in Lake Formation; IAMAllowedPrincipals never has it", found[1])
	}},
	{regexp.MustCompile(`Insufficient Lake Formation permission\(s\): Required Create Table on (.+?)\.?$`), func(found []string) string {
		return fmt.Sprintf("grant the role CREATE_TABLE on the database %s in Lake Formation, ALTER, DESCRIBE and INSERT on tables in it that it did not create, "+
			"and a data location permission on the bucket's folder", found[1])
	}},
	{regexp.MustCompile(`Insufficient Lake Formation permission\(s\): Required Create Database on`), func([]string) string {
		return "create the database yourself, or grant the role CREATE_DATABASE on the catalog in Lake Formation"
	}},
	{regexp.MustCompile(`Insufficient Lake Formation permission\(s\): Required (.+?) on (.+?)\.?$`), func(found []string) string {
		permission := strings.ToUpper(strings.ReplaceAll(found[1], " ", "_"))
		return fmt.Sprintf("grant the role %s on %s in Lake Formation; if it does not exist, Lake Formation says so to nobody who may not create it", permission, found[2])
	}},
	{regexp.MustCompile(`Lake Formation`), func([]string) string {
		return "grant the role that permission in Lake Formation; IAM alone is not enough"
	}},
}

// Read reads the text of a denial.
func Read(message string) Denial {
	var d Denial
	if m := action.FindStringSubmatch(message); m != nil {
		d.Action, d.Resource = m[1], strings.Trim(m[2], `".,`)
	}
	if m := explicit.FindStringSubmatch(message); m != nil {
		d.Explicit = strings.TrimSpace(m[1] + " policy")
	}
	if m := silent.FindStringSubmatch(message); m != nil && m[1] != "identity-based" {
		d.Elsewhere = m[1] + " policy"
	}
	if d.Action != "" {
		return d
	}
	for _, known := range lakeFormation {
		if m := known.text.FindStringSubmatch(message); m != nil {
			d.LakeFormation, d.Cure = true, known.cure(m)
			return d
		}
	}
	return d
}

// SignatureHint says what to do about a refused signature, whose message the service has given.
func SignatureHint(message string) string {
	if OtherRegion(message) {
		return "give the pipeline, or destination.region, the service's own region; here it is aws.region"
	}
	return "check the AWS credentials and the clock of this machine"
}

// OtherRegion reports whether the text of a refused signature says that the request was signed for another region than the service is
// in: "Credential should be scoped to a valid region, not 'us-east-1'." The code is that of a wrong secret.
func OtherRegion(message string) bool {
	return strings.Contains(message, "scoped to a valid region")
}
