package glueapi

import (
	"context"
	"strings"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/catalog"
)

type functionRequest struct {
	CatalogID     string `json:"CatalogId"`
	DatabaseName  string
	FunctionName  string
	FunctionInput catalog.FunctionInput
}

func (s *server) functionARN(database, name string) []string {
	return append(s.databaseARN(database), s.arn("userDefinedFunction/"+strings.ToLower(database)+"/"+strings.ToLower(name)))
}

func (s *server) beginFunction(ctx context.Context, operation string, in *functionRequest, name member) error {
	return s.begin(ctx, operation, in.CatalogID, s.functionARN(in.DatabaseName, name.value), member{"databaseName", in.DatabaseName}, name)
}

type functionShape struct {
	*catalog.UserDefinedFunction
	CreateTime awsjson.Time `json:"CreateTime"`
	CatalogID  string       `json:"CatalogId"`
}

func (s *server) function(f *catalog.UserDefinedFunction) functionShape {
	return functionShape{f, awsjson.Time{Time: f.CreateTime}, s.Account}
}

type functionAnswer struct{ UserDefinedFunction functionShape }

func (s *server) getFunction(ctx context.Context, in *functionRequest) (*functionAnswer, error) {
	if err := s.beginFunction(ctx, "GetUserDefinedFunction", in, member{"functionName", in.FunctionName}); err != nil {
		return nil, err
	}
	f, err := s.catalog.GetFunction(ctx, in.DatabaseName, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &functionAnswer{s.function(f)}, nil
}

type functionsRequest struct {
	CatalogID    string `json:"CatalogId"`
	DatabaseName string
	Pattern      string
	FunctionType string
	NextToken    string
	MaxResults   *int
}

// functionSeparator stands between database and name in the keys by which functions are paged. Names don't hold it, so that the keys are
// in the order of database and name.
const functionSeparator = "\x00"

type functionsAnswer struct {
	UserDefinedFunctions []functionShape
	NextToken            string `json:",omitempty"`
}

// getFunctions lists the functions of a database, or of all.
func (s *server) getFunctions(ctx context.Context, in *functionsRequest) (*functionsAnswer, error) {
	database := in.DatabaseName
	if database == "" {
		database = "*"
	}
	if err := s.begin(ctx, "GetUserDefinedFunctions", in.CatalogID, s.functionARN(database, "*"), member{"pattern", in.Pattern}); err != nil {
		return nil, err
	}
	if err := nameable("databaseName", in.DatabaseName); err != nil {
		return nil, err
	}
	if err := oneOf("functionType", in.FunctionType, "REGULAR_FUNCTION", "AGGREGATE_FUNCTION", "STORED_PROCEDURE"); err != nil {
		return nil, err
	}
	matches, err := namePattern(in.Pattern)
	if err != nil {
		return nil, err
	}
	all, err := s.catalog.GetFunctions(ctx, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	var selected []*catalog.UserDefinedFunction
	for _, f := range all {
		if matches(f.FunctionName) && (in.FunctionType == "" || f.FunctionType == in.FunctionType) {
			selected = append(selected, f)
		}
	}
	selected, next, err := page(selected, func(f *catalog.UserDefinedFunction) string {
		return f.DatabaseName + functionSeparator + f.FunctionName
	},
		in.NextToken, in.MaxResults, maxCatalogPage, "GetUserDefinedFunctions", strings.ToLower(in.DatabaseName), in.Pattern, in.FunctionType)
	if err != nil {
		return nil, err
	}
	out := &functionsAnswer{UserDefinedFunctions: []functionShape{}, NextToken: next}
	for _, f := range selected {
		out.UserDefinedFunctions = append(out.UserDefinedFunctions, s.function(f))
	}
	return out, nil
}

func (s *server) createFunction(ctx context.Context, in *functionRequest) (none, error) {
	if err := s.beginFunction(ctx, "CreateUserDefinedFunction", in, member{"functionInput.functionName", in.FunctionInput.FunctionName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.CreateFunction(ctx, in.DatabaseName, in.FunctionInput)
}

// updateFunction takes the name over when the definition leaves it out.
func (s *server) updateFunction(ctx context.Context, in *functionRequest) (none, error) {
	if err := s.beginFunction(ctx, "UpdateUserDefinedFunction", in, member{"functionName", in.FunctionName}); err != nil {
		return none{}, err
	}
	if in.FunctionInput.FunctionName == "" {
		in.FunctionInput.FunctionName = in.FunctionName
	}
	return none{}, s.catalog.UpdateFunction(ctx, in.DatabaseName, in.FunctionName, in.FunctionInput)
}

func (s *server) deleteFunction(ctx context.Context, in *functionRequest) (none, error) {
	if err := s.beginFunction(ctx, "DeleteUserDefinedFunction", in, member{"functionName", in.FunctionName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeleteFunction(ctx, in.DatabaseName, in.FunctionName)
}
