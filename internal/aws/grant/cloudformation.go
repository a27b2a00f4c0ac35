package grant

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// CloudFormation writes the plan as a CloudFormation template in YAML: what Terraform writes, with parameters for variables.
func (p Plan) CloudFormation(w io.Writer, form Form) error {
	e, err := p.emission(form)
	if err != nil {
		return err
	}
	about := "What a Refract pipeline needs in this AWS account"
	if e.Pipeline != "" {
		about = "What the Refract pipeline " + e.Pipeline + " needs in this AWS account"
	}
	template := object{
		{"AWSTemplateFormatVersion", "2010-09-09"},
		{"Description", about},
		{"Parameters", e.parameters()},
		{"Conditions", e.conditions()},
		{"Resources", e.resources()},
		{"Outputs", e.outputs()},
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(template); err != nil {
		return fmt.Errorf("writing the CloudFormation template: %w", err)
	}
	return encoder.Close()
}

func (e *emission) parameters() object {
	exporter := object{{"Type", "String"}, {"Description", "The user or role whose credentials the exporting process has."}}
	if e.Exporter != "" {
		exporter = append(exporter, member{"Default", e.Exporter})
	}
	yesNo := func(text string) object {
		return object{{"Type", "String"}, {"AllowedValues", []string{"true", "false"}}, {"Default", "false"}, {"Description", text}}
	}
	p := object{
		{"ExporterArn", exporter},
		{"CreateBucket", yesNo("Create the bucket. Leave it false for one that exists.")},
	}
	if e.Glue != nil {
		p = append(p, member{"CreateDatabase", yesNo("Create the Glue database. Leave it false for one that exists.")})
	}
	return p
}

func (e *emission) conditions() object {
	isTrue := func(parameter string) any { return call("Equals", []any{call("Ref", parameter), "true"}) }
	c := object{{"BucketIsNew", isTrue("CreateBucket")}}
	if e.Glue != nil {
		c = append(c, member{"DatabaseIsNew", isTrue("CreateDatabase")})
	}
	return c
}

func (e *emission) resources() object {
	r := object{}
	for _, role := range e.Roles {
		policies := []any{}
		for _, p := range role.Policies {
			policies = append(policies, object{{"PolicyName", p.Name}, {"PolicyDocument", e.document(p)}})
		}
		r = append(r, member{logicalID(role.Name), object{{"Type", "AWS::IAM::Role"}, {"Properties", object{
			{"RoleName", role.Name}, {"Path", role.Path}, {"AssumeRolePolicyDocument", e.document(role.Trust)}, {"Policies", policies},
		}}}})
	}
	r = append(r, member{"LakeBucket", object{
		{"Type", "AWS::S3::Bucket"}, {"Condition", "BucketIsNew"}, {"DeletionPolicy", "Retain"}, {"UpdateReplacePolicy", "Retain"}, {"Properties", e.bucket()},
	}})
	if e.Glue == nil {
		return r
	}
	r = append(r, member{"LakeDatabase", object{
		{"Type", "AWS::Glue::Database"}, {"Condition", "DatabaseIsNew"}, {"DeletionPolicy", "Retain"}, {"UpdateReplacePolicy", "Retain"},
		{"Properties", object{{"CatalogId", e.glueAccount()}, {"DatabaseInput", object{{"Name", e.Glue.Database}}}}},
	}})
	if e.LakeFormation {
		r = append(r, e.lakeFormation()...)
	}
	return r
}

// bucket ends uploads that were never completed: their parts are invisible and cost money.
func (e *emission) bucket() object {
	block := object{{"BlockPublicAcls", true}, {"BlockPublicPolicy", true}, {"IgnorePublicAcls", true}, {"RestrictPublicBuckets", true}}
	rule := object{{"Id", "abort-incomplete-multipart-uploads"}, {"Status", "Enabled"}, {"AbortIncompleteMultipartUpload", object{{"DaysAfterInitiation", 7}}}}
	b := object{{"BucketName", e.S3.Bucket}, {"PublicAccessBlockConfiguration", block}, {"LifecycleConfiguration", object{{"Rules", []any{rule}}}}}
	if e.S3.Encryption == "kms" {
		encryption := object{{"SSEAlgorithm", "aws:kms"}}
		if e.S3.KMSKey != "" {
			encryption = append(encryption, member{"KMSMasterKeyID", e.S3.KMSKey})
		}
		b = append(b, member{"BucketEncryption", object{{"ServerSideEncryptionConfiguration", []any{
			object{{"BucketKeyEnabled", true}, {"ServerSideEncryptionByDefault", encryption}},
		}}}})
	}
	return b
}

func (e *emission) lakeFormation() object {
	account := e.glueAccount()
	tables := object{{"Table", object{{"CatalogId", account}, {"DatabaseName", e.Glue.Database}, {"TableWildcard", object{}}}}}
	var out object
	add := func(id string, role Role, resource object, permissions ...string) {
		out = append(out, member{id, object{{"Type", "AWS::LakeFormation::PrincipalPermissions"}, {"DependsOn", "LakeDatabase"}, {"Properties", object{
			{"Principal", object{{"DataLakePrincipalIdentifier", arnOf(role)}}}, {"Resource", resource},
			{"Permissions", permissions}, {"PermissionsWithGrantOption", []string{}},
		}}}})
	}
	for _, role := range e.Catalog() {
		add("LakeDatabasePermissions", role, object{{"Database", object{{"CatalogId", account}, {"Name", e.Glue.Database}}}}, "CREATE_TABLE", "DESCRIBE")
		add("LakeTablePermissions", role, tables, "ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT")
		for i, location := range e.Locations {
			add(numbered("LakeLocationPermissions", i), role, object{{"DataLocation", object{{"CatalogId", account}, {"ResourceArn", location}}}}, "DATA_LOCATION_ACCESS")
		}
	}
	for _, role := range e.Warehouse() {
		add("WarehousePermissions", role, tables, "DESCRIBE", "SELECT")
	}
	return out
}

func (e *emission) outputs() object {
	var out object
	for _, role := range e.Roles {
		for _, use := range role.Uses {
			about := "Give it to the pipeline as --" + string(use) + "-role."
			if use == UseRedshift {
				about += " Associate it with the namespace or cluster, beside the roles that are there, and after the first connection run: " + strings.Join(e.GrantCreates, " ")
			}
			out = append(out, member{logicalID(string(use)) + "Role", object{{"Description", about}, {"Value", arnOf(role)}}})
		}
	}
	return out
}

// document is the policy's own text as YAML, with the exporter as the parameter.
func (e *emission) document(p Policy) *yaml.Node {
	var read yaml.Node
	if err := yaml.Unmarshal([]byte(p.Text), &read); err != nil {
		panic(err) // JSON is YAML
	}
	exporter := e.Exporter
	if exporter == "" {
		exporter = exporterPlaceholder
	}
	plain(read.Content[0], exporter)
	return read.Content[0]
}

// plain gives JSON's nodes the block style of YAML.
func plain(n *yaml.Node, exporter string) {
	if n.Kind == yaml.ScalarNode && n.Value == exporter {
		*n = *call("Ref", "ExporterArn")
		return
	}
	n.Style = 0 // what would not read as a text is quoted, for its tag says that it is one
	for _, child := range n.Content {
		plain(child, exporter)
	}
}

func arnOf(r Role) *yaml.Node { return call("GetAtt", logicalID(r.Name)+".Arn") }

// logicalID makes a resource's name, of letters and digits only, from a role's: "refract-shop-s3" is RefractShopS3.
func logicalID(name string) string {
	var b strings.Builder
	upper := true
	for _, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = true
			continue
		case upper:
			r = unicode.ToUpper(r)
		}
		upper = false
		b.WriteRune(r)
	}
	return b.String()
}

// object is a mapping whose members stay in order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalYAML implements yaml.Marshaler.
func (o object) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if len(o) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, m := range o {
		value := &yaml.Node{}
		if err := value.Encode(m.value); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: m.name}, value)
	}
	return n, nil
}

// call is an intrinsic function in its short form.
func call(function string, argument any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(argument); err != nil {
		panic(err) // texts and lists of texts and nodes always have a form
	}
	n.Tag, n.Style = "!"+function, n.Style|yaml.TaggedStyle
	if n.Kind == yaml.SequenceNode {
		n.Style |= yaml.FlowStyle
	}
	return n
}
