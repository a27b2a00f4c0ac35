package sts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sts"
)

// IAM's names are unique in an account whatever their paths and case: who owns a statement of the Data API, and which database user somebody
// is, goes by the name without its path.
func TestNamesAreUniqueInAnAccount(t *testing.T) {
	role := func(name string) sts.Role { return sts.Role{Name: name, Trust: trust(customer, `{}`)} }
	for name, test := range map[string]struct {
		accounts []sts.Account
		refused  bool
	}{
		"two users of one name":          {[]sts.Account{{ID: customer, Users: []sts.User{user("ann"), {Name: "ann"}}}}, true},
		"users in two paths":             {[]sts.Account{{ID: customer, Users: []sts.User{user("ann"), {Name: "team/ann"}}}}, true},
		"users that differ by case":      {[]sts.Account{{ID: customer, Users: []sts.User{user("ann"), {Name: "Ann"}}}}, true},
		"roles in two paths":             {[]sts.Account{{ID: customer, Roles: []sts.Role{role("a/x"), role("b/x")}}}, true},
		"an account that is there twice": {[]sts.Account{{ID: customer, Users: []sts.User{user("ann")}}, {ID: customer, Users: []sts.User{{Name: "ann"}}}}, true},
		"a user and a role":              {[]sts.Account{{ID: customer, Users: []sts.User{user("x")}, Roles: []sts.Role{role("x")}}}, false},
		"users of two accounts":          {[]sts.Account{{ID: customer, Users: []sts.User{user("ann")}}, {ID: vendor, Users: []sts.User{{Name: "ann"}}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sts.New(test.accounts, nil)
			if test.refused {
				require.ErrorContains(t, err, "there are two of this name")
			} else {
				require.NoError(t, err)
			}
		})
	}
}
