// SPDX-License-Identifier: Apache-2.0

package envoyschema_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	// What the files name by type.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// load reads a file into a message as Envoy does: YAML, which JSON is too, by way of
// JSON, in which nothing may be unknown. All that is in it must keep to the rules that
// its definition has.
func load(file []byte, into proto.Message) error {
	var value any
	if err := yaml.Unmarshal(file, &value); err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		return err
	}
	return validate(into)
}

// validate applies the rules of a message, and of those that it has packed as Any,
// into which their rules do not reach.
func validate(message proto.Message) error {
	rules, ok := message.(interface{ ValidateAll() error })
	if !ok {
		return fmt.Errorf("%s has no rules", message.ProtoReflect().Descriptor().FullName())
	}
	return errors.Join(rules.ValidateAll(), validatePacked(message.ProtoReflect()))
}

func validatePacked(message protoreflect.Message) (err error) {
	if packed, ok := message.Interface().(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		return validate(inner)
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsMap():
			err = errors.Join(err, fmt.Errorf("%s is a map, into which nothing here looks", field.FullName()))
		case field.IsList():
			for i := range value.List().Len() {
				err = errors.Join(err, validatePacked(value.List().Get(i).Message()))
			}
		default:
			err = errors.Join(err, validatePacked(value.Message()))
		}
		return true
	})
	return err
}
