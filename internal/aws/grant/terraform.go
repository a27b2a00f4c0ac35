package grant

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
)

//go:embed terraform.tmpl
var terraformText string

var terraformTemplate = template.Must(template.New("terraform").Funcs(template.FuncMap{
	"id":      func(name string) string { return strings.ReplaceAll(name, "-", "_") },
	"quote":   hclQuote,
	"heredoc": hclHeredoc,
	"has":     has,
	"number":  numbered,
}).Parse(terraformText))

// Terraform writes the plan as Terraform code: roles with their policies, and where the variables ask for them the bucket, with a
// lifecycle rule that ends forgotten multipart uploads, and the Glue database. The documents in it are those of Roles.
func (p Plan) Terraform(w io.Writer, form Form) error {
	e, err := p.emission(form)
	if err != nil {
		return err
	}
	if err := terraformTemplate.Execute(w, e); err != nil {
		return fmt.Errorf("writing the Terraform code: %w", err)
	}
	return nil
}

// emission is what the templates see.
type emission struct {
	*Settings
	Roles        []Role
	GrantCreates []string
	// Locations are the pipelines' folders as Lake Formation names them.
	Locations []string
}

// emission is an error where the pipelines have no one bucket and database to make.
func (p Plan) emission(form Form) (*emission, error) {
	whole, err := p.whole()
	if err != nil {
		return nil, err
	}
	e := &emission{Settings: whole, Roles: p.Roles(form), GrantCreates: p.GrantCreates()}
	for _, s := range p {
		if s.Glue != nil && !slices.Contains(e.Locations, s.Location()) {
			e.Locations = append(e.Locations, s.Location())
		}
	}
	return e, nil
}

// numbered gives the n-th of several, from 0, a name of its own.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	return fmt.Sprint(name, n+1)
}

// Catalog is the role that writes the catalog, if there is one.
func (e *emission) Catalog() []Role { return e.with(UseGlue) }

// Warehouse is the role of the warehouse, if there is one.
func (e *emission) Warehouse() []Role { return e.with(UseRedshift) }

func (e *emission) with(use Use) []Role {
	for _, r := range e.Roles {
		if has(r, use) {
			return []Role{r}
		}
	}
	return nil
}

func has(r Role, use Use) bool { return slices.Contains(r.Uses, use) }

// hclQuote writes a quoted template: what would begin an interpolation or directive is escaped.
func hclQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "${", "$${", "%{", "%%{").Replace(text) + `"`
}

// hclHeredoc writes a document as an indented heredoc, whose text is the document's own but for the exporter, a variable.
func hclHeredoc(p Policy, exporter string) string {
	text := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(p.Text)
	if exporter == "" {
		exporter = exporterPlaceholder
	}
	text = strings.ReplaceAll(text, `"`+exporter+`"`, `"${var.exporter_arn}"`)
	return "<<-EOT\n" + indent(text, "    ") + "  EOT"
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String()
}
