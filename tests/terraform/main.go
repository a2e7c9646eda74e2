// Checks a Terraform module as far as that goes without its providers: syntax, format (`terraform fmt` uses the same
// formatter), and that all that is referred to is declared, and all variables are used.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// What Terraform itself gives.
var given = map[string]bool{"each": true, "count": true, "self": true, "path": true, "terraform": true}

func main() {
	wrong := check(os.Args[1])
	for _, line := range wrong {
		fmt.Println(line)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
	fmt.Println("terraform: syntax, format and references are right")
}

func check(folder string) []string {
	var wrong []string
	files, _ := filepath.Glob(filepath.Join(folder, "*.tf"))
	if len(files) == 0 {
		return []string{folder + ": no *.tf"}
	}
	declared, used := map[string]bool{}, map[string]string{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return []string{err.Error()}
		}
		parsed, diagnostics := hclsyntax.ParseConfig(source, file, hcl.InitialPos)
		if diagnostics.HasErrors() {
			wrong = append(wrong, diagnostics.Error())
			continue
		}
		if !bytes.Equal(hclwrite.Format(source), source) {
			wrong = append(wrong, file+": not formatted: terraform fmt "+file)
		}
		body := parsed.Body.(*hclsyntax.Body)
		for _, block := range body.Blocks {
			declare(declared, block)
		}
		hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
			if expression, ok := node.(*hclsyntax.ScopeTraversalExpr); ok {
				if name := name(expression.Traversal); name != "" {
					used[name] = expression.Range().String()
				}
			}
			return nil
		})
	}
	for name, place := range used {
		if !declared[name] {
			wrong = append(wrong, place+": "+name+" is not declared")
		}
	}
	for name := range declared {
		if _, ok := used[name]; !ok && len(name) > 4 && name[:4] == "var." {
			wrong = append(wrong, name+" is not used")
		}
	}
	sort.Strings(wrong)
	return wrong
}

func declare(declared map[string]bool, block *hclsyntax.Block) {
	switch block.Type {
	case "variable":
		declared["var."+block.Labels[0]] = true
	case "locals":
		for name := range block.Body.Attributes {
			declared["local."+name] = true
		}
	case "resource":
		declared[block.Labels[0]+"."+block.Labels[1]] = true
	case "data":
		declared["data."+block.Labels[0]+"."+block.Labels[1]] = true
	}
}

// What a reference names: `var.x`, `local.x`, `aws_y.x`, `data.aws_y.x`; nothing for what Terraform gives, and for names that a
// `for` gives.
func name(traversal hcl.Traversal) string {
	root := traversal.RootName()
	parts := 2
	if root == "data" {
		parts = 3
	}
	known := root == "var" || root == "local" || root == "data" || len(root) > 4 && root[:4] == "aws_"
	if given[root] || !known || len(traversal) < parts {
		return ""
	}
	name := root
	for _, step := range traversal[1:parts] {
		attribute, ok := step.(hcl.TraverseAttr)
		if !ok {
			return ""
		}
		name += "." + attribute.Name
	}
	return name
}
