package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/identity"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/secrets"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/fault"
)

const home = "000000000000"

func TestTheExampleIsRead(t *testing.T) {
	f, err := identity.Load("testdata/identities.yaml", home)
	require.NoError(t, err)
	require.Len(t, f.Accounts, 2)
	export, analyst := f.Accounts[0].Users[0], f.Accounts[1].Users[0]
	require.Equal(t, []sts.AccessKey{{ID: "AKIAMIXPANELEXPORT00", Secret: "export-secret"}}, export.AccessKeys)
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`, export.Policies[0])
	require.Equal(t, "analyst-secret", analyst.AccessKeys[0].Secret, "from the file, without its line feed")
	roles := f.Accounts[1].Roles
	require.Equal(t, roles[0].Trust, roles[1].Trust, "an anchor of YAML")
	require.Len(t, roles[0].Policies, 2)
	require.Contains(t, roles[0].Policies[0], "s3:PutObject", "from the file")
	require.Equal(t, 2*time.Hour, roles[1].MaxSessionDuration)
	require.Equal(t, []kms.Key{{Alias: "lake", ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Description: "The key of the lake"}, {Alias: "retired", Disabled: true}}, f.Keys)
	require.Equal(t, []secrets.Secret{{Name: "shop/reader", Value: `{"username":"reader","password":"correct-horse"}`}}, f.Secrets)
	authority, err := sts.New(f.Accounts, nil)
	require.NoError(t, err)
	_, err = authority.Caller("AKIAANALYST000000000")
	require.NoError(t, err)
}

// The manual shows the same file.
func TestTheManualShowsTheExample(t *testing.T) {
	example, err := os.ReadFile("testdata/identities.yaml")
	require.NoError(t, err)
	manual, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	require.Contains(t, string(manual), "```yaml\n"+string(example)+"```")
}

const trusted = `trust: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "sts:AssumeRole"}]}`

func TestMistakesAreNamedWithTheirPlaceAndWhatWouldBeRight(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no YAML":              {"accounts: [", "identities.yaml: is not YAML: line 1: did not find expected node content"},
		"nothing":              {"", "identities.yaml: is empty (write accounts: and a list below it)"},
		"another member":       {"account: []", "identities.yaml:1: account is not known (the members are accounts)"},
		"no list":              {"accounts: {}", "identities.yaml:1: accounts is not a list"},
		"no account":           {"accounts:\n  - id: 12345", `identities.yaml:2: accounts[0].id "12345" is not an account (valid is 12 digits in quotes, for example "123456789012")`},
		"an account twice":     {"accounts:\n  - id: \"000000000000\"\n  - id: \"000000000000\"", "identities.yaml:3: accounts[1].id is the account of line 2 again"},
		"a user without name":  {account(`users: [{policies: []}]`), "accounts[0].users[0] has no name"},
		"a user's wrong name":  {account(`users: [{name: "a b"}]`), `"a b" is not a name for IAM`},
		"a key without secret": {account(`users: [{name: u, access_keys: [{id: AKIAX}]}]`), "accounts[0].users[0].access_keys[0] has no secret (add secret: with a text, or secret_file: with a path)"},
		"a key's wrong id":     {account(`users: [{name: u, access_keys: [{id: "A-B", secret: s}]}]`), `"A-B" is not an access key id`},
		"a file that's gone":   {account(`users: [{name: u, policies: [gone.json]}]`), "accounts[0].users[0].policies[0] names a file that can't be read: open "},
		"a policy's effect":    {account(`users: [{name: u, policies: [{Version: "2012-10-17", Statement: [{Effect: Maybe, Action: "*", Resource: "*"}]}]}]`), `the effect "Maybe" is not Allow or Deny`},
		"a policy's condition": {account(`users: [{name: u, policies: ['{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}']}]`), `the condition operator "IpAddress" is not supported`},
		"a role without trust": {account(`roles: [{name: r}]`), "accounts[0].roles[0] has no trust"},
		"a trust's resource":   {account(`roles: [{name: r, trust: '{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}]}'}]`), "a trust policy has no Resource"},
		"a role's duration":    {account(`roles: [{name: r, max_session: 13h, ` + trusted + `}]`), `accounts[0].roles[0].max_session "13h" is not a duration of 1h to 12h`},
		"a reserved alias":     {account(`keys: [{alias: aws/s3}]`), "accounts[0].keys[0].alias \"aws/s3\" is not an alias"},
		"a secret of nothing":  {account(`secrets: [{name: s}]`), "accounts[0].secrets[0] has no value"},
		"another's keys":       {strings.Replace(account(`keys: [{alias: lake}]`), home, "111111111111", 1), "put them into account 000000000000, or set aws.account"},
		"a shared access key":  {account(`users: [{name: a, access_keys: [{id: AKIAX, secret: s}]}, {name: b, access_keys: [{id: AKIAX, secret: s}]}]`), "the access key AKIAX is another user's too"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "identities.yaml")
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
			_, err := identity.Load(path, home)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, fault.Setup, fault.ClassOf(err))
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identities.yaml")
	require.NoError(t, os.WriteFile(path, []byte(account("users: [{name: 'a b'}]\n    roles: [{name: r}]")), 0o600))
	_, err := identity.Load(path, home)
	require.ErrorContains(t, err, "users[0].name")
	require.ErrorContains(t, err, "roles[0] has no trust")
}

func TestAFileThatIsNotThereIsASetupMistake(t *testing.T) {
	_, err := identity.Load(filepath.Join(t.TempDir(), "none"), home)
	require.ErrorContains(t, err, "aws.identities")
}

func account(members string) string { return "accounts:\n  - id: \"" + home + "\"\n    " + members }
