package grant

import (
	"slices"
	"strings"
)

// The documents on Glue. An action needs the permission on the table and on its ancestors, the database and the catalog. Mixpanel's
// guides say that AWS has no granular resources here; it has had them since 2019, down to the table.

// ProbeTable is what the names of doctor's tables begin with.
const ProbeTable = "refract_doctor_"

var (
	tableActions = Texts{"glue:GetTable", "glue:CreateTable", "glue:UpdateTable"}
	// partitionActions turn partitioning on.
	partitionActions = Texts{"glue:GetPartitions", "glue:BatchCreatePartition", "glue:BatchUpdatePartition"}
	// readActions are those of a warehouse that reads the catalog.
	readActions = Texts{"glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"}
)

func (s *Settings) catalog() Document {
	actions := slices.Clone(tableActions)
	if !s.Glue.Unpartitioned {
		actions = append(actions, partitionActions...)
	}
	tables := slices.Clone(s.Glue.Tables)
	probe := ProbeTable + "*"
	if !s.WithoutDoctor && !slices.Contains(tables, "*") {
		tables = append(tables, probe)
	}
	d := document(Statement{Sid: "RefractTables", Effect: "Allow", Action: actions, Resource: s.glueARNs(tables...)})
	if !s.WithoutDoctor {
		d.Statement = append(d.Statement, Statement{Sid: "RefractDoctor", Effect: "Allow", Action: Texts{"glue:GetDatabase", "glue:DeleteTable"}, Resource: s.glueARNs(probe)})
	}
	return d
}

// reading is the catalog as the warehouse reads it: all tables of the database, since an external schema lists them.
func (s *Settings) reading() Statement {
	return Statement{Sid: "RefractReadCatalog", Effect: "Allow", Action: readActions, Resource: s.glueARNs("*")}
}

// glueARNs names tables with their ancestors, in lower case as Glue keeps them.
func (s *Settings) glueARNs(tables ...string) Texts {
	base := "arn:" + partition(s.Glue.Region) + ":glue:" + s.Glue.Region + ":" + s.glueAccount() + ":"
	database := strings.ToLower(s.Glue.Database)
	arns := Texts{base + "catalog", base + "database/" + database}
	for _, table := range tables {
		arns = append(arns, base+"table/"+database+"/"+strings.ToLower(table))
	}
	return arns
}
