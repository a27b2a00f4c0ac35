package kms

import (
	"context"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// UseForS3 decides whether S3 may use a key for the caller whom the context names, and returns the key's ARN. name is an id, an ARN or an
// alias, or "" for the default key, which every principal of the account may use. object is the ARN that is the encryption context. A
// refusal is an *awsjson.Error.
func (s *Service) UseForS3(ctx context.Context, action, name, object string) (string, error) {
	if name == "" {
		name = "alias/" + defaultKey
	}
	k, alias, err := s.find(name)
	if err != nil {
		return "", err
	}
	if k.Alias != defaultKey {
		err := s.authorize(ctx, action, k, alias, map[string]string{"aws:s3:arn": object},
			map[string][]string{"kms:viaservice": {"s3." + s.config.Region + ".amazonaws.com"}})
		if err != nil {
			return "", awsjson.Refusal(err)
		}
	}
	if k.Disabled {
		return "", &awsjson.Error{Code: "DisabledException", Message: k.arn + " is disabled."}
	}
	return k.arn, nil
}
