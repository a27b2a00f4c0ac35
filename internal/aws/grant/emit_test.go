package grant_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/platform/golden"
)

func publishedText(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("..", "policy", "testdata", name+".json"))
	require.NoError(t, err)
	return string(text)
}

func terraform(t require.TestingT, s *grant.Settings, form grant.Form) []byte {
	var b bytes.Buffer
	require.NoError(t, grant.Plan{s}.Terraform(&b, form))
	return b.Bytes()
}

func cloudFormation(t require.TestingT, s *grant.Settings, form grant.Form) []byte {
	var b bytes.Buffer
	require.NoError(t, grant.Plan{s}.CloudFormation(&b, form))
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	full := settings(func(s *grant.Settings) { s.LakeFormation = true })
	golden.Equal(t, "testdata/full.tf", terraform(t, full, grant.Narrowed))
	golden.Equal(t, "testdata/full.yaml", cloudFormation(t, full, grant.Narrowed))
	golden.Equal(t, "testdata/documented.tf", terraform(t, settings(), grant.Documented))
	golden.Equal(t, "testdata/documented.yaml", cloudFormation(t, settings(), grant.Documented))
	var policies strings.Builder
	for _, form := range []grant.Form{grant.Narrowed, grant.Documented} {
		for _, r := range settings().Roles(form) {
			policies.WriteString(r.Name + " trust\n" + r.Trust.Text)
			for _, p := range r.Policies {
				policies.WriteString(r.Name + " " + p.Name + "\n" + p.Text)
			}
		}
	}
	golden.Equal(t, "testdata/policies.txt", []byte(policies.String()))
}

// wanted returns the documents of roles by role and policy name; the trust policy is named "".
func wanted(s *grant.Settings, form grant.Form) map[[2]string]string {
	out := map[[2]string]string{}
	for _, r := range s.Roles(form) {
		out[[2]string{r.Name, ""}] = r.Trust.Text
		for _, p := range r.Policies {
			out[[2]string{r.Name, p.Name}] = p.Text
		}
	}
	return out
}

func requireDocuments(t require.TestingT, want, got map[[2]string]string) {
	require.Len(t, got, len(want))
	for name, text := range want {
		require.JSONEq(t, text, got[name], name)
	}
}

func TestTerraformIsCanonicalAndHoldsTheDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		for _, form := range []grant.Form{grant.Narrowed, grant.Documented} {
			text := terraform(t, s, form)
			require.Equal(t, string(hclwrite.Format(text)), string(text), "it is as terraform fmt leaves it")
			requireDocuments(t, wanted(s, form), terraformDocuments(t, text))
		}
	})
}

// terraformDocuments evaluates the policies of the code, with the exporter as the variable's value.
func terraformDocuments(t require.TestingT, text []byte) map[[2]string]string {
	file, diagnostics := hclsyntax.ParseConfig(text, "main.tf", hcl.InitialPos)
	require.False(t, diagnostics.HasErrors(), diagnostics.Error())
	scope := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{"exporter_arn": cty.StringVal(exporter)})}}
	value := func(b *hclsyntax.Block, name string) string {
		v, diagnostics := b.Body.Attributes[name].Expr.Value(scope)
		require.False(t, diagnostics.HasErrors(), diagnostics.Error())
		return v.AsString()
	}
	names, out := map[string]string{}, map[[2]string]string{}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		switch {
		case b.Type != "resource":
		case b.Labels[0] == "aws_iam_role":
			names[b.Labels[1]] = value(b, "name")
			out[[2]string{value(b, "name"), ""}] = value(b, "assume_role_policy")
		case b.Labels[0] == "aws_iam_role_policy":
			traversal, diagnostics := hcl.AbsTraversalForExpr(b.Body.Attributes["role"].Expr)
			require.False(t, diagnostics.HasErrors(), diagnostics.Error())
			owner := names[traversal[1].(hcl.TraverseAttr).Name]
			require.NotEmpty(t, owner, "the policy's role is in the code")
			out[[2]string{owner, value(b, "name")}] = value(b, "policy")
		}
	}
	return out
}

func TestTheCloudFormationTemplateIsWholeAndHoldsTheDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *grant.Settings) {
		for _, form := range []grant.Form{grant.Narrowed, grant.Documented} {
			requireDocuments(t, wanted(s, form), templateDocuments(t, cloudFormation(t, s, form)))
		}
	})
}

// templateDocuments resolves the template's references and returns its policies. A reference to what isn't there fails the test.
func templateDocuments(t require.TestingT, text []byte) map[[2]string]string {
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &root))
	var template struct {
		Parameters, Conditions map[string]any
		Resources              map[string]struct {
			Type, Condition, DependsOn string
			Properties                 json.RawMessage
		}
	}
	// YAML's decoder wants names in lower case; JSON's takes them as they are.
	read := func() {
		var v any
		require.NoError(t, root.Decode(&v))
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &template))
	}
	read()
	var resolve func(n *yaml.Node)
	resolve = func(n *yaml.Node) {
		switch n.Tag {
		case "!Ref":
			require.Contains(t, template.Parameters, n.Value)
			n.Tag, n.Value = "!!str", exporter
		case "!GetAtt":
			id, attribute, _ := strings.Cut(n.Value, ".")
			require.Contains(t, template.Resources, id)
			require.Equal(t, "Arn", attribute)
			n.Tag = "!!str"
		case "!Equals":
			n.Tag = "!!seq"
		}
		for _, child := range n.Content {
			resolve(child)
		}
	}
	resolve(&root)
	read()
	out := map[[2]string]string{}
	for id, resource := range template.Resources {
		require.Regexp(t, `^[A-Za-z0-9]+$`, id)
		if resource.Condition != "" {
			require.Contains(t, template.Conditions, resource.Condition)
		}
		if resource.DependsOn != "" {
			require.Contains(t, template.Resources, resource.DependsOn)
		}
		if resource.Type != "AWS::IAM::Role" {
			continue
		}
		var p struct {
			RoleName                 string
			AssumeRolePolicyDocument map[string]any
			Policies                 []struct {
				PolicyName     string
				PolicyDocument map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(resource.Properties, &p))
		text := func(document any) string {
			raw, err := json.Marshal(document)
			require.NoError(t, err)
			return string(raw)
		}
		out[[2]string{p.RoleName, ""}] = text(p.AssumeRolePolicyDocument)
		for _, policy := range p.Policies {
			out[[2]string{p.RoleName, policy.PolicyName}] = text(policy.PolicyDocument)
		}
	}
	return out
}

// Whatever stands in the settings reads back as it is, also where YAML would take it for a number, a date or a Boolean, and HCL for an
// interpolation.
func TestSettingsReadBackAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := settings()
		s.ExternalID = rapid.OneOf(rapid.StringMatching(`[0-9]{2,12}`), rapid.StringMatching(`[0-9]{1,5}e[0-9]{1,3}`), rapid.StringMatching(`0[xo]?[0-7]{1,8}`),
			rapid.StringMatching(`[\w+=,.@:/-]{2,20}`), rapid.SampledFrom([]string{"true", "null", "2026-11-26", "12:30:45", "yes", "no", "on"})).Draw(t, "token")
		s.S3.Prefix = rapid.StringMatching(`[a-z0-9 %{}#&':<>!|~-]{0,12}`).Draw(t, "prefix")
		s.Glue.Database = rapid.StringMatching(`[a-z0-9_%{}#':-]{1,12}`).Draw(t, "database")
		if s.Check() != nil {
			t.Skip("not settings")
		}
		requireDocuments(t, wanted(s, grant.Narrowed), terraformDocuments(t, terraform(t, s, grant.Narrowed)))
		requireDocuments(t, wanted(s, grant.Narrowed), templateDocuments(t, cloudFormation(t, s, grant.Narrowed)))
	})
}

func TestAnExporterThatIsNotKnownIsAVariableWithoutADefault(t *testing.T) {
	s := settings(func(s *grant.Settings) { s.Exporter = "" })
	require.NotContains(t, string(terraform(t, s, grant.Narrowed)), "EXPORTER_ARN")
	require.NotContains(t, string(cloudFormation(t, s, grant.Narrowed)), "EXPORTER_ARN")
	require.Contains(t, s.Roles(grant.Narrowed)[0].Trust.Text, `"<EXPORTER_ARN>"`)
}
