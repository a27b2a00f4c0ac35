package dataapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
)

type resultOutput struct {
	ColumnMetadata []columnMetadata
	NextToken      string `json:",omitempty"`
	Records        json.RawMessage
	TotalNumRows   int64
}

type resultV2Output struct {
	ColumnMetadata []columnMetadata
	NextToken      string `json:",omitempty"`
	Records        []csvRecords
	ResultFormat   string
	TotalNumRows   int64
}

type csvRecords struct {
	CSVRecords json.RawMessage
}

func (s *Service) getStatementResult(ctx context.Context, in *idInput) (*resultOutput, error) {
	p, page, next, err := s.result(ctx, in, formatJSON)
	if err != nil {
		return nil, err
	}
	if page == nil {
		page = json.RawMessage("[]")
	}
	return &resultOutput{p.Columns, next, page, p.Rows}, nil
}

func (s *Service) getStatementResultV2(ctx context.Context, in *idInput) (*resultV2Output, error) {
	p, page, next, err := s.result(ctx, in, formatCSV)
	if err != nil {
		return nil, err
	}
	records := []csvRecords{}
	if page != nil {
		records = append(records, csvRecords{page})
	}
	return &resultV2Output{p.Columns, next, records, formatCSV, p.Rows}, nil
}

// result returns the part that a request names, and the page of its rows that the request's token names.
func (s *Service) result(ctx context.Context, in *idInput, format string) (*part, json.RawMessage, string, error) {
	// One permission covers both operations.
	st, n, err := s.ownedAfter(ctx, "GetStatementResult", in)
	if err != nil {
		return nil, nil, "", err
	}
	switch {
	case st.Format != format:
		operation := map[string]string{formatJSON: "GetStatementResult", formatCSV: "GetStatementResultV2"}[st.Format]
		return nil, nil, "", validation("The result format of the statement is %s: use %s.", st.Format, operation)
	case st.Batch && n == 0:
		return nil, nil, "", notFound(in.ID, "Query does not have result. Please check query status with DescribeStatement.")
	}
	n = max(n, 1)
	p := &st.Parts[n-1]
	if p.Columns == nil || p.Status != Finished {
		return nil, nil, "", notFound(in.ID, "Query does not have result. Please check query status with DescribeStatement.")
	}
	offset, err := parseOffset(in.NextToken, st.partID(n))
	if err != nil {
		return nil, nil, "", err
	}
	page, next, err := s.readPage(st.ID, n, offset)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, "", notFound(in.ID, "The result is gone: it made room for newer ones, as all results together take at most %d MB. Run the statement again.", s.MaxStored>>20)
	}
	if err != nil {
		return nil, nil, "", err
	}
	token := ""
	if next > 0 {
		token = pageToken(st.partID(n), strconv.FormatInt(next, 10))
	}
	return p, page, token, nil
}

// A token says of which list or result it is, and where the next page begins.
func pageToken(of, at string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(of + " " + at))
}

// parseToken returns where the page begins; "" for the first one.
func parseToken(token, of string) (string, error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	at, ok := strings.CutPrefix(string(text), of+" ")
	if err != nil || !ok || at == "" {
		return "", badToken()
	}
	return at, nil
}

func badToken() error {
	return validation("The NextToken is not one that this request was answered with.")
}

// parseOffset is parseToken for places that are numbers.
func parseOffset(token, of string) (int64, error) {
	at, err := parseToken(token, of)
	if err != nil || at == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil || n < 1 {
		return 0, badToken()
	}
	return n, nil
}
