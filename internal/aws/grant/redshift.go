package grant

import "strings"

// The documents on Redshift. Its role does two things: the exporter assumes it to run statements through the Data API, and Redshift
// assumes it to read the catalog and the objects.

// statements is what running statements through the Data API needs.
func (s *Settings) statements() Document {
	r := s.Redshift
	base := "arn:" + partition(r.Region) + ":redshift:" + r.Region + ":" + s.redshiftAccount() + ":"
	targets := Texts{base + "cluster:" + r.Cluster}
	if r.Workgroup != "" {
		targets = s.workgroupARNs()
	}
	d := document(
		Statement{Sid: "RefractExecute", Effect: "Allow", Action: Texts{"redshift-data:ExecuteStatement"}, Resource: targets},
		// A statement belongs to the session that runs it; these actions have no resource to name.
		Statement{
			Sid: "RefractStatements", Effect: "Allow", Resource: Texts{"*"},
			Action:    Texts{"redshift-data:DescribeStatement", "redshift-data:GetStatementResult"},
			Condition: Conditions{"StringEquals": {"redshift-data:statement-owner-iam-userid": {"${aws:userid}"}}},
		},
	)
	credentials := Statement{Sid: "RefractCredentials", Effect: "Allow"}
	switch {
	case r.SecretARN != "":
		credentials.Action, credentials.Resource = Texts{"secretsmanager:GetSecretValue"}, Texts{r.SecretARN}
	case r.Workgroup != "":
		credentials.Action, credentials.Resource = Texts{"redshift-serverless:GetCredentials"}, targets[:1]
	case r.DBUser != "":
		credentials.Action = Texts{"redshift:GetClusterCredentials"}
		credentials.Resource = Texts{base + "dbuser:" + r.Cluster + "/" + r.DBUser, base + "dbname:" + r.Cluster + "/" + r.Database}
	default:
		credentials.Action, credentials.Resource = Texts{"redshift:GetClusterCredentialsWithIAM"}, Texts{base + "dbname:" + r.Cluster + "/" + r.Database}
	}
	d.Statement = append(d.Statement, credentials)
	if !s.WithoutDoctor {
		// One question of doctor --deep is what a batch does.
		d.Statement = append(d.Statement, Statement{Sid: "RefractDoctor", Effect: "Allow", Action: Texts{"redshift-data:BatchExecuteStatement"}, Resource: targets})
	}
	return d
}

// workgroupARNs names the workgroup as its own ARN does, and as the Data API's page prints it, with "redshift" for the service.
func (s *Settings) workgroupARNs() Texts {
	r := s.Redshift
	id := "*"
	if strings.HasPrefix(r.Workgroup, "arn:") {
		id = r.Workgroup[strings.LastIndexByte(r.Workgroup, '/')+1:]
	}
	tail := ":" + r.Region + ":" + s.redshiftAccount() + ":workgroup/" + id
	return Texts{"arn:" + partition(r.Region) + ":redshift-serverless" + tail, "arn:" + partition(r.Region) + ":redshift" + tail}
}

// spectrum is what Redshift itself needs to read the external tables.
func (s *Settings) spectrum() Document {
	d := document()
	if s.Glue != nil {
		d.Statement = append(d.Statement, s.reading())
	}
	d.Statement = append(d.Statement,
		Statement{Sid: "RefractReadObjects", Effect: "Allow", Action: Texts{"s3:GetObject"}, Resource: Texts{s.objectsARN()}}, s.listing())
	if s.customKey() {
		d.Statement = append(d.Statement, s.key("kms:Decrypt").Statement...)
	}
	if s.LakeFormation {
		d.Statement = append(d.Statement, Statement{Sid: "RefractLakeFormation", Effect: "Allow", Action: Texts{"lakeformation:GetDataAccess"}, Resource: Texts{"*"}})
	}
	return d
}
