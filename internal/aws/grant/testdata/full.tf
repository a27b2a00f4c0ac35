# What the pipeline events-daily needs in this AWS account.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "exporter_arn" {
  description = "The user or role whose credentials the exporting process has."
  type        = string
  default     = "arn:aws:iam::485438090326:user/exporter"
}

variable "create_bucket" {
  description = "Create the bucket. Leave it false for one that exists: its lifecycle rules are then not touched."
  type        = bool
  default     = false
}

variable "create_database" {
  description = "Create the Glue database. Leave it false for one that exists."
  type        = bool
  default     = false
}

resource "aws_iam_role" "refract_s3" {
  name = "refract-s3"
  path = "/export/"

  assume_role_policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractExporter",
          "Effect": "Allow",
          "Principal": {
            "AWS": "${var.exporter_arn}"
          },
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "sts:ExternalId": "0123456789abcdef0123456789abcdef"
            }
          }
        }
      ]
    }
  EOT
}

resource "aws_iam_role_policy" "refract_s3_refract_s3" {
  name = "refract-s3"
  role = aws_iam_role.refract_s3.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractObjects",
          "Effect": "Allow",
          "Action": [
            "s3:PutObject",
            "s3:GetObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload"
          ],
          "Resource": "arn:aws:s3:::lake/mixpanel/7/*"
        },
        {
          "Sid": "RefractList",
          "Effect": "Allow",
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::lake",
          "Condition": {
            "StringLike": {
              "s3:prefix": "mixpanel/7/*"
            }
          }
        },
        {
          "Sid": "RefractUploads",
          "Effect": "Allow",
          "Action": "s3:ListBucketMultipartUploads",
          "Resource": "arn:aws:s3:::lake"
        }
      ]
    }
  EOT
}

resource "aws_iam_role_policy" "refract_s3_refract_kms" {
  name = "refract-kms"
  role = aws_iam_role.refract_s3.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractKey",
          "Effect": "Allow",
          "Action": [
            "kms:GenerateDataKey",
            "kms:Decrypt"
          ],
          "Resource": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab",
          "Condition": {
            "StringEquals": {
              "kms:ViaService": "s3.eu-central-1.amazonaws.com"
            },
            "StringLike": {
              "kms:EncryptionContext:aws:s3:arn": [
                "arn:aws:s3:::lake",
                "arn:aws:s3:::lake/mixpanel/7/*"
              ]
            }
          }
        }
      ]
    }
  EOT
}

resource "aws_iam_role" "refract_glue" {
  name = "refract-glue"
  path = "/export/"

  assume_role_policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractExporter",
          "Effect": "Allow",
          "Principal": {
            "AWS": "${var.exporter_arn}"
          },
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "sts:ExternalId": "0123456789abcdef0123456789abcdef"
            }
          }
        }
      ]
    }
  EOT
}

resource "aws_iam_role_policy" "refract_glue_refract_glue" {
  name = "refract-glue"
  role = aws_iam_role.refract_glue.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractTables",
          "Effect": "Allow",
          "Action": [
            "glue:GetTable",
            "glue:CreateTable",
            "glue:UpdateTable",
            "glue:GetPartitions",
            "glue:BatchCreatePartition",
            "glue:BatchUpdatePartition"
          ],
          "Resource": [
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws:glue:eu-central-1:123456789012:database/mixpanel",
            "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/mp_master_event",
            "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/refract_doctor_*"
          ]
        },
        {
          "Sid": "RefractDoctor",
          "Effect": "Allow",
          "Action": [
            "glue:GetDatabase",
            "glue:DeleteTable"
          ],
          "Resource": [
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws:glue:eu-central-1:123456789012:database/mixpanel",
            "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/refract_doctor_*"
          ]
        }
      ]
    }
  EOT
}

resource "aws_iam_role" "refract_redshift" {
  name = "refract-redshift"
  path = "/export/"

  assume_role_policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractExporter",
          "Effect": "Allow",
          "Principal": {
            "AWS": "${var.exporter_arn}"
          },
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "sts:ExternalId": "0123456789abcdef0123456789abcdef"
            }
          }
        },
        {
          "Sid": "RefractRedshift",
          "Effect": "Allow",
          "Principal": {
            "Service": [
              "redshift.amazonaws.com",
              "redshift-serverless.amazonaws.com"
            ]
          },
          "Action": "sts:AssumeRole"
        }
      ]
    }
  EOT
}

resource "aws_iam_role_policy" "refract_redshift_refract_redshift_data" {
  name = "refract-redshift-data"
  role = aws_iam_role.refract_redshift.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractExecute",
          "Effect": "Allow",
          "Action": "redshift-data:ExecuteStatement",
          "Resource": [
            "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0f1e-2d3c",
            "arn:aws:redshift:eu-central-1:123456789012:workgroup/0f1e-2d3c"
          ]
        },
        {
          "Sid": "RefractStatements",
          "Effect": "Allow",
          "Action": [
            "redshift-data:DescribeStatement",
            "redshift-data:GetStatementResult"
          ],
          "Resource": "*",
          "Condition": {
            "StringEquals": {
              "redshift-data:statement-owner-iam-userid": "$${aws:userid}"
            }
          }
        },
        {
          "Sid": "RefractCredentials",
          "Effect": "Allow",
          "Action": "redshift-serverless:GetCredentials",
          "Resource": "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0f1e-2d3c"
        },
        {
          "Sid": "RefractDoctor",
          "Effect": "Allow",
          "Action": "redshift-data:BatchExecuteStatement",
          "Resource": [
            "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0f1e-2d3c",
            "arn:aws:redshift:eu-central-1:123456789012:workgroup/0f1e-2d3c"
          ]
        }
      ]
    }
  EOT
}

resource "aws_iam_role_policy" "refract_redshift_refract_spectrum" {
  name = "refract-spectrum"
  role = aws_iam_role.refract_redshift.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "RefractReadCatalog",
          "Effect": "Allow",
          "Action": [
            "glue:GetDatabase",
            "glue:GetDatabases",
            "glue:GetTable",
            "glue:GetTables",
            "glue:GetPartition",
            "glue:GetPartitions"
          ],
          "Resource": [
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws:glue:eu-central-1:123456789012:database/mixpanel",
            "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/*"
          ]
        },
        {
          "Sid": "RefractReadObjects",
          "Effect": "Allow",
          "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::lake/mixpanel/7/*"
        },
        {
          "Sid": "RefractList",
          "Effect": "Allow",
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::lake",
          "Condition": {
            "StringLike": {
              "s3:prefix": "mixpanel/7/*"
            }
          }
        },
        {
          "Sid": "RefractKey",
          "Effect": "Allow",
          "Action": "kms:Decrypt",
          "Resource": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab",
          "Condition": {
            "StringEquals": {
              "kms:ViaService": "s3.eu-central-1.amazonaws.com"
            },
            "StringLike": {
              "kms:EncryptionContext:aws:s3:arn": [
                "arn:aws:s3:::lake",
                "arn:aws:s3:::lake/mixpanel/7/*"
              ]
            }
          }
        },
        {
          "Sid": "RefractLakeFormation",
          "Effect": "Allow",
          "Action": "lakeformation:GetDataAccess",
          "Resource": "*"
        }
      ]
    }
  EOT
}

resource "aws_s3_bucket" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = "lake"
}

resource "aws_s3_bucket_public_access_block" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.lake[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Parts of uploads that were never completed are invisible and cost money.
resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  rule {
    id     = "abort-incomplete-multipart-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = aws_s3_bucket.lake[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab"
    }
  }
}

resource "aws_glue_catalog_database" "lake" {
  count = var.create_database ? 1 : 0

  name = "mixpanel"
}

# Lake Formation decides besides IAM: the exporter's tables, and where they may lie.
resource "aws_lakeformation_permissions" "database" {
  principal   = aws_iam_role.refract_glue.arn
  permissions = ["CREATE_TABLE", "DESCRIBE"]

  database {
    name = "mixpanel"
  }

  depends_on = [aws_glue_catalog_database.lake]
}

resource "aws_lakeformation_permissions" "tables" {
  principal   = aws_iam_role.refract_glue.arn
  permissions = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"]

  table {
    database_name = "mixpanel"
    wildcard      = true
  }

  depends_on = [aws_glue_catalog_database.lake]
}

resource "aws_lakeformation_permissions" "location" {
  principal   = aws_iam_role.refract_glue.arn
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = "arn:aws:s3:::lake/mixpanel/7"
  }
}

resource "aws_lakeformation_permissions" "warehouse" {
  principal   = aws_iam_role.refract_redshift.arn
  permissions = ["DESCRIBE", "SELECT"]

  table {
    database_name = "mixpanel"
    wildcard      = true
  }

  depends_on = [aws_glue_catalog_database.lake]
}

# Associate the warehouse's role with the namespace or cluster yourself: AWS replaces the list of roles, it doesn't add to it. Keep
# those that are there:
#   aws redshift-serverless get-namespace --namespace-name NAMESPACE --query namespace.iamRoles
#   aws redshift-serverless update-namespace --namespace-name NAMESPACE --iam-roles ROLE... refract-redshift
# After the exporter's first connection an administrator of the database runs:
#   GRANT CREATE ON DATABASE "dev" TO "IAMR:refract-redshift";

output "s3_role" {
  description = "Give it to the pipeline as --s3-role."
  value       = aws_iam_role.refract_s3.arn
}

output "glue_role" {
  description = "Give it to the pipeline as --glue-role."
  value       = aws_iam_role.refract_glue.arn
}

output "redshift_role" {
  description = "Give it to the pipeline as --redshift-role."
  value       = aws_iam_role.refract_redshift.arn
}
