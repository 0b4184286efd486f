package config

import "github.com/goccy/go-yaml/ast"

// maxYAMLDepth is far beyond what the types can hold.
const maxYAMLDepth = 32

// collectAnchors notes the anchors of the whole file.
func (d *decoder) collectAnchors(n ast.Node, depth int) {
	if depth > maxYAMLDepth {
		return
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.anchors[n.Name.GetToken().Value] = n.Value
		d.collectAnchors(n.Value, depth+1)
	case *ast.MappingNode:
		for _, entry := range n.Values {
			d.collectAnchors(entry.Value, depth+1)
		}
	case *ast.MappingValueNode:
		d.collectAnchors(n.Value, depth+1)
	case *ast.SequenceNode:
		for _, entry := range n.Values {
			d.collectAnchors(entry, depth+1)
		}
	}
}

// resolve follows anchors and aliases to what they stand for. Nil is what cannot be resolved, and was reported.
func (d *decoder) resolve(n ast.Node, path string) ast.Node {
	for range maxYAMLDepth {
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.AliasNode:
			name := node.Value.GetToken().Value
			target, known := d.anchors[name]
			if !known {
				d.fail(path, "the alias %q has no anchor", "*"+name)
				return nil
			}
			n = target
		case *ast.TagNode:
			d.fail(path, "the tag %s is not supported: leave it out", node.Start.Value)
			return nil
		default:
			return n
		}
	}
	d.fail(path, "the alias refers to itself")
	return nil
}
