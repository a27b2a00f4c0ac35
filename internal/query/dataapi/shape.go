package dataapi

import "github.com/refract-io/refract/internal/aws/awsjson"

// connectTo is how a request names the warehouse and the database user.
type connectTo struct {
	ClusterIdentifier, WorkgroupName string `json:",omitempty"`
	Database, DbUser, SecretArn      string `json:",omitempty"`
}

// Parameter is the value of a named parameter.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// common is what ExecuteStatement and BatchExecuteStatement share. WithEvent is taken: there are no events to send here.
type common struct {
	connectTo
	ClientToken             string
	Parameters              []Parameter
	ResultFormat            string
	SessionID               string `json:"SessionId"`
	SessionKeepAliveSeconds *int
	StatementName           string
	WaitTimeSeconds         *int
	WithEvent               bool
}

type executeInput struct {
	common
	SQL string `json:"Sql"`
}

type batchInput struct {
	common
	ExecutionMode string
	SQLs          []string `json:"Sqls"`
}

type executeOutput struct {
	connectTo
	CreatedAt awsjson.Time
	ID        string   `json:"Id"`
	SessionID string   `json:"SessionId,omitempty"`
	DbGroups  []string // always empty
	// The following are of requests that wait.
	Status       Status `json:",omitempty"`
	RedshiftPid  int64  `json:",omitempty"`
	HasResultSet *bool  `json:",omitempty"`
}

type idInput struct {
	ID              string `json:"Id"`
	NextToken       string
	WaitTimeSeconds *int
}

type describeOutput struct {
	connectTo
	ID              string `json:"Id"`
	SessionID       string `json:"SessionId,omitempty"`
	Status          Status
	Error           string `json:",omitempty"`
	ExecutionMode   string `json:",omitempty"` // of a batch
	CreatedAt       awsjson.Time
	UpdatedAt       awsjson.Time
	Duration        int64
	HasResultSet    bool
	QueryString     string      `json:",omitempty"`
	QueryParameters []Parameter `json:",omitempty"`
	RedshiftPid     int64
	RedshiftQueryID int64 `json:"RedshiftQueryId"`
	ResultFormat    string
	ResultRows      int64
	ResultSize      int64
	SubStatements   []subStatement `json:",omitempty"`
}

type subStatement struct {
	ID              string `json:"Id"`
	Status          Status
	Error           string `json:",omitempty"`
	CreatedAt       awsjson.Time
	UpdatedAt       awsjson.Time
	Duration        int64
	HasResultSet    bool
	QueryString     string
	RedshiftQueryID int64 `json:"RedshiftQueryId"`
	ResultRows      int64
	ResultSize      int64
}

type statementData struct {
	ID               string   `json:"Id"`
	QueryString      string   `json:",omitempty"`
	QueryStrings     []string `json:",omitempty"`
	SecretArn        string   `json:",omitempty"`
	Status           Status
	StatementName    string `json:",omitempty"`
	CreatedAt        awsjson.Time
	UpdatedAt        awsjson.Time
	QueryParameters  []Parameter `json:",omitempty"`
	IsBatchStatement bool
	ResultFormat     string
	SessionID        string `json:"SessionId,omitempty"`
}

type listStatementsInput struct {
	ClusterIdentifier, WorkgroupName, Database string
	MaxResults                                 *int
	NextToken                                  string
	RoleLevel                                  *bool
	StatementName                              string
	Status                                     Status
}

type listStatementsOutput struct {
	Statements []statementData
	NextToken  string `json:",omitempty"`
}

type cancelOutput struct{ Status bool }

// columnMetadata describes a column of a result or table.
type columnMetadata struct {
	ColumnDefault   string `json:"columnDefault,omitempty"`
	IsCaseSensitive bool   `json:"isCaseSensitive"`
	IsCurrency      bool   `json:"isCurrency"`
	IsSigned        bool   `json:"isSigned"`
	Label           string `json:"label"`
	Length          int    `json:"length"`
	Name            string `json:"name"`
	Nullable        int    `json:"nullable"`
	Precision       int    `json:"precision"`
	Scale           int    `json:"scale"`
	SchemaName      string `json:"schemaName"`
	TableName       string `json:"tableName"`
	TypeName        string `json:"typeName"`
}
