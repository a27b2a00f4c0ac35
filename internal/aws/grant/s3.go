package grant

import (
	"cmp"
	"strings"
)

// The documents on S3 and KMS. Objects are the pipeline's folder, everything below and nothing else; listings are allowed for that
// folder only (s3:prefix), so that a listing of the bucket's root is refused.

func (s *Settings) bucketARN() string {
	return "arn:" + partition(s.S3.Region) + ":s3:::" + s.S3.Bucket
}

func (s *Settings) objectsARN() string { return s.bucketARN() + "/" + s.Root() + "*" }

// writing is what the exporter does with objects. Multipart uploads need s3:PutObject, and giving one up s3:AbortMultipartUpload;
// whoever began it may do that anyway, but not under every VPC endpoint's policy.
func (s *Settings) writing() Document {
	return document(
		Statement{Sid: "RefractObjects", Effect: "Allow", Action: Texts{"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}, Resource: Texts{s.objectsARN()}},
		s.listing(),
		// Finds what killed processes left. AWS has no condition on its prefix.
		Statement{Sid: "RefractUploads", Effect: "Allow", Action: Texts{"s3:ListBucketMultipartUploads"}, Resource: Texts{s.bucketARN()}},
	)
}

func (s *Settings) listing() Statement {
	list := Statement{Sid: "RefractList", Effect: "Allow", Action: Texts{"s3:ListBucket"}, Resource: Texts{s.bucketARN()}}
	if root := s.Root(); root != "" {
		list.Condition = Conditions{"StringLike": {"s3:prefix": {root + "*"}}}
	}
	return list
}

// key is what writing and reading under a key of one's own needs: GenerateDataKey to write, Decrypt to read and to complete
// multipart uploads; for S3 only, and for this bucket only. S3's encryption context is the object's ARN, or with a bucket key the
// bucket's.
func (s *Settings) key(actions ...string) Document {
	domain := "amazonaws.com"
	if partition(s.S3.Region) == "aws-cn" {
		domain = "amazonaws.com.cn"
	}
	st := Statement{
		Sid: "RefractKey", Effect: "Allow", Action: actions, Resource: Texts{s.keyARN()},
		Condition: Conditions{
			"StringEquals": {"kms:ViaService": {"s3." + s.S3.Region + "." + domain}},
			"StringLike":   {"kms:EncryptionContext:aws:s3:arn": {s.bucketARN(), s.objectsARN()}},
		},
	}
	if alias := s.keyAlias(); alias != "" {
		// A policy can't name a key by its alias, but by a condition on the aliases that the key has.
		st.Condition["ForAnyValue:StringEquals"] = map[string]Texts{"kms:ResourceAliases": {alias}}
	}
	return document(st)
}

// keyAlias returns "alias/name" if the key is given so, else "".
func (s *Settings) keyAlias() string {
	if i := strings.Index(s.S3.KMSKey, "alias/"); i == 0 || i > 0 && s.S3.KMSKey[i-1] == ':' {
		return s.S3.KMSKey[i:]
	}
	return ""
}

func (s *Settings) keyARN() string {
	key := s.S3.KMSKey
	if strings.HasPrefix(key, "arn:") && s.keyAlias() == "" {
		return key
	}
	if s.keyAlias() != "" {
		key = "*"
	}
	region := s.S3.Region
	if parts := strings.SplitN(s.S3.KMSKey, ":", 6); len(parts) == 6 {
		region = cmp.Or(parts[3], region)
	}
	return "arn:" + partition(region) + ":kms:" + region + ":" + s.keyAccount() + ":key/" + strings.TrimPrefix(key, "key/")
}
