package glueapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// A paging token is the base64 of a JSON object that says where the page before ended and of which request it is. Pages are read
// from the catalog as it is then: what is created or deleted meanwhile may or may not be seen, and nothing else is seen twice or
// left out.
type token struct {
	Of    []byte   // a digest of the request
	After []string // the last item of the page before
}

func digest(request ...any) []byte {
	text, _ := json.Marshal(request) // strings and numbers always encode
	sum := sha256.Sum256(text)
	return sum[:12]
}

// after returns where the page before ended; nil for the first page.
func after(next string, request ...any) ([]string, error) {
	if next == "" {
		return nil, nil
	}
	var t token
	text, err := base64.RawURLEncoding.DecodeString(next)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || !slices.Equal(t.Of, digest(request...)) || len(t.After) == 0 {
		return nil, invalid("The NextToken is not one that this request was answered with.")
	}
	return t.After, nil
}

// nextToken returns the token of the page behind last.
func nextToken(last []string, request ...any) string {
	text, _ := json.Marshal(token{digest(request...), last})
	return base64.RawURLEncoding.EncodeToString(text)
}

// pageSize returns MaxResults, or most if the request leaves it open.
func pageSize(maxResults *int, most int) (int, error) {
	if maxResults == nil {
		return most, nil
	}
	if *maxResults < 1 || *maxResults > most {
		return 0, invalid(fmt.Sprintf("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: "+
			"Member must have value between 1 and %d", *maxResults, most))
	}
	return *maxResults, nil
}

// pageOf returns the size of a page and the one-part key of the last item of the page before, "" for the first page.
func pageOf(next string, maxResults *int, most int, request ...any) (size int, last string, err error) {
	if size, err = pageSize(maxResults, most); err != nil {
		return 0, "", err
	}
	key, err := after(next, request...)
	if err != nil || key == nil {
		return size, "", err
	}
	return size, key[0], nil
}

// page cuts a list that is ordered by key to the page behind the token and returns the token of the next one, if any.
func page[T any](list []T, key func(T) string, next string, maxResults *int, most int, request ...any) ([]T, string, error) {
	size, last, err := pageOf(next, maxResults, most, request...)
	if err != nil {
		return nil, "", err
	}
	if last != "" {
		begin := slices.IndexFunc(list, func(item T) bool { return key(item) > last })
		if begin < 0 {
			return list[:0], "", nil
		}
		list = list[begin:]
	}
	if len(list) <= size {
		return list, "", nil
	}
	return list[:size], nextToken([]string{key(list[size-1])}, request...), nil
}
