// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// secretName is what Envoy's listener, as rendered, calls the secret with the CRLs.
const secretName = "spine_crls"

const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// A secretFile is a file of Envoy's secret discovery service: a DiscoveryResponse with
// one Secret, whose validation_context has the CRLs alone. It is JSON, which is YAML,
// too.
type secretFile struct {
	Resources []secret `json:"resources"`
}

type secret struct {
	Type       string `json:"@type"`
	Name       string `json:"name"`
	Validation struct {
		CRL struct {
			Inline string `json:"inline_string"`
		} `json:"crl"`
	} `json:"validation_context"`
}

func writeSecret(w io.Writer, lists []*revocation.List) error {
	var text bytes.Buffer
	if err := writePEM(&text, lists); err != nil {
		return err
	}
	s := secret{Type: secretType, Name: secretName}
	s.Validation.CRL.Inline = text.String()
	return json.NewEncoder(w).Encode(secretFile{Resources: []secret{s}})
}

// crlsOfSecret returns the PEM of a file that writeSecret wrote.
func crlsOfSecret(data []byte) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	var file secretFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if len(file.Resources) != 1 || file.Resources[0].Name != secretName {
		return nil, fmt.Errorf("it has %d resources, and not %s alone", len(file.Resources), secretName)
	}
	return []byte(file.Resources[0].Validation.CRL.Inline), nil
}
