// SPDX-License-Identifier: Apache-2.0

// Package asidyaml reads registries in YAML. It is apart from package asid so that
// programs without such files need no reader of YAML.
package asidyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// Read reads a registry of up to 16 MiB, as [Decode] does. The error is a
// [*asid.RegistryError].
func Read(r io.Reader) (*asid.Memory, error) {
	text, err := regular.ReadAll(r)
	if err != nil {
		return nil, &asid.RegistryError{Detail: "cannot be read", Err: err}
	}
	records, err := Decode(text)
	if err != nil {
		return nil, &asid.RegistryError{Detail: "bad YAML", Err: err}
	}
	systems := make([]asid.System, len(records))
	for i := range records {
		if systems[i], err = records[i].System(); err != nil {
			return nil, err
		}
	}
	return asid.NewMemory(systems...)
}

// Decode is an [asid.File]'s Decode for YAML, with the keys that
// [asid.ReadRegistry] has for JSON. An ASID need not be quoted: scalars are taken
// as they are written, whatever type YAML would give them. Anchors, aliases, tags
// with a name, null and a second document are errors.
func Decode(text []byte) ([]asid.Record, error) {
	// It reads the nodes themselves: a decoder into structs would turn an unquoted
	// 000000000205 into another number, and NO into false.
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, another yaml.Node
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	if err := decoder.Decode(&another); err != io.EOF {
		return nil, errors.New("something follows the document")
	}
	if len(document.Content) != 1 {
		return nil, errors.New("the document is empty")
	}
	var records []asid.Record
	found := false
	err := eachKey(document.Content[0], func(key string, value *yaml.Node) (err error) {
		if key != "systems" {
			return unknownKey(key, value)
		}
		found = true
		records, err = yamlSystems(value)
		return err
	})
	if err == nil && !found {
		err = errors.New(`the key "systems" is missing`)
	}
	return records, err
}

func yamlSystems(list *yaml.Node) ([]asid.Record, error) {
	if err := plain(list, yaml.SequenceNode); err != nil {
		return nil, err
	}
	records := make([]asid.Record, len(list.Content))
	for i, node := range list.Content {
		err := eachKey(node, func(key string, value *yaml.Node) (err error) {
			r := &records[i]
			switch key {
			case "asid":
				r.ASID, err = scalar(value)
			case "ods":
				r.ODS, err = scalars(value)
			case "fqdns":
				r.FQDNs, err = scalars(value)
			case "interactions":
				r.Interactions, err = scalars(value)
			default:
				err = unknownKey(key, value)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return records, nil
}

// eachKey calls do for each pair of a mapping; a key twice is an error.
func eachKey(node *yaml.Node, do func(key string, value *yaml.Node) error) error {
	if err := plain(node, yaml.MappingNode); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, err := scalar(node.Content[i])
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("line %d: the key %q is there twice", node.Content[i].Line, key)
		}
		seen[key] = true
		if err := do(key, node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func scalars(list *yaml.Node) ([]string, error) {
	if err := plain(list, yaml.SequenceNode); err != nil {
		return nil, err
	}
	texts := make([]string, len(list.Content))
	for i, node := range list.Content {
		var err error
		if texts[i], err = scalar(node); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func scalar(node *yaml.Node) (string, error) {
	if err := plain(node, yaml.ScalarNode); err != nil {
		return "", err
	}
	if node.ShortTag() == "!!null" {
		return "", fmt.Errorf("line %d: %w", node.Line, errors.New("null stands where a value belongs"))
	}
	return node.Value, nil
}

// plain checks that the node is of the kind and has nothing that YAML has beyond
// JSON.
func plain(node *yaml.Node, kind yaml.Kind) error {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		return fmt.Errorf("line %d: anchors and aliases are not allowed", node.Line)
	case node.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d: tags are not allowed", node.Line)
	case node.Kind != kind:
		return fmt.Errorf("line %d: a %s stands where a %s belongs", node.Line, kindName(node.Kind), kindName(kind))
	}
	return nil
}

func kindName(kind yaml.Kind) string {
	switch kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "sequence"
	}
	return "scalar"
}

func unknownKey(key string, value *yaml.Node) error {
	return fmt.Errorf("line %d: the key %q is unknown", value.Line, key)
}
