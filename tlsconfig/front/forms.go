// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// A Form is how a proxy writes its client's certificate, and in which headers.
// There is one for each program, and none is guessed.
type Form string

// The forms. All but AWS and AWSLeaf have the connection's protocol and suite in
// Ssl-Protocol and Ssl-Cipher, as terminator.Render configures them. AWS's load
// balancers add no header of the operator's, so no Secret either: behind them a Front
// needs InsecureNoSecret, and a security group that lets nothing but the balancer
// connect is then all that keeps others from being any client.
const (
	Nginx   Form = "nginx"   // Ssl-Client-Cert: PEM, percent-encoded ($ssl_client_escaped_cert)
	Apache  Form = "apache"  // Ssl-Client-Cert: PEM, percent-encoded (escape:); with TraceEnable Off, or httpd tells its clients the Secret
	HAProxy Form = "haproxy" // Ssl-Client-Cert: DER in base64
	Envoy   Form = "envoy"   // X-Forwarded-Client-Cert with Cert
	RFC9440 Form = "rfc9440" // Client-Cert (RFC 9440)
	AWS     Form = "aws"     // X-Amzn-Mtls-Clientcert of load balancers that pass certificates through, with the X-Amzn-TLS headers switched on
	AWSLeaf Form = "awsleaf" // X-Amzn-Mtls-Clientcert-Leaf of those that verify, likewise
)

// A form is the headers of a Form and how its certificate is decoded.
type form struct {
	certificate, protocol, cipher string
	decode                        func(string) ([]byte, error) // the leaf's DER
}

var forms = map[Form]form{
	Nginx:   {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", onePEM},
	Apache:  {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", onePEM},
	HAProxy: {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", fromBase64},
	Envoy:   {"X-Forwarded-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", fromXFCC},
	RFC9440: {"Client-Cert", "Ssl-Protocol", "Ssl-Cipher", fromClientCert},
	AWS:     {"X-Amzn-Mtls-Clientcert", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", firstPEM},
	AWSLeaf: {"X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", onePEM},
}

// maxCertificate bounds the header of a certificate, in octets: a leaf of RSA 4096
// has about 2 KiB, its PEM percent-encoded twice that, and AWS sends a chain.
const maxCertificate = 32 << 10

// A said is what the headers of a request say of its peer.
type said struct{ certificate, protocol, cipher string }

// read takes the three headers, each of which must be there exactly once.
func (f *form) read(headers http.Header, into *said) error {
	for _, h := range []struct {
		name string
		to   *string
	}{{f.certificate, &into.certificate}, {f.protocol, &into.protocol}, {f.cipher, &into.cipher}} {
		values := headers[h.name]
		switch {
		case len(values) == 0:
			return &Error{Rule: RuleHeader, Header: h.name, Detail: "is missing"}
		case len(values) > 1:
			return &Error{Rule: RuleHeader, Header: h.name, Detail: "is there more than once"}
		case values[0] == "":
			return &Error{Rule: RuleHeader, Header: h.name, Detail: "is empty"}
		case len(values[0]) > maxCertificate:
			return &Error{Rule: RuleHeader, Header: h.name, Detail: "is too long"}
		}
		*h.to = values[0]
	}
	return nil
}

// unescaped decodes percent-encoding as in a path: a plus is a plus, of which
// base64 has many.
func unescaped(value string) ([]byte, error) {
	text, err := url.PathUnescape(value)
	return []byte(text), err
}

// onePEM decodes a percent-encoded PEM block, with nothing beside it.
func onePEM(value string) ([]byte, error) {
	text, err := unescaped(value)
	if err != nil {
		return nil, err
	}
	raw, rest, err := block(text)
	if err == nil && len(strings.TrimSpace(string(rest))) > 0 {
		err = errors.New("there is something behind the PEM block")
	}
	return raw, err
}

// firstPEM decodes the first of several percent-encoded PEM blocks, with nothing
// but blocks behind it: two values that were joined by a comma are ambiguous. The
// rest is the chain, which comes from the pins.
func firstPEM(value string) ([]byte, error) {
	text, err := unescaped(value)
	if err != nil {
		return nil, err
	}
	raw, rest, err := block(text)
	for err == nil {
		if rest = bytes.TrimSpace(rest); len(rest) == 0 {
			return raw, nil
		}
		_, rest, err = block(rest)
	}
	return nil, err
}

func block(text []byte) (raw, rest []byte, err error) {
	const begin = "-----BEGIN CERTIFICATE-----"
	if !strings.HasPrefix(string(text), begin) { // pem.Decode would look for one further on
		return nil, nil, errors.New("is not PEM of a certificate")
	}
	b, rest := pem.Decode(text)
	if b == nil || b.Type != "CERTIFICATE" || len(b.Headers) > 0 || strings.Count(string(text[:len(text)-len(rest)]), begin) != 1 {
		return nil, nil, errors.New("is not PEM of a certificate")
	}
	return b.Bytes, rest, nil
}

func fromBase64(value string) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(value)
}

// fromClientCert decodes a Byte Sequence (RFC 8941 section 3.3.5).
func fromClientCert(value string) ([]byte, error) {
	if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
		return nil, errors.New("is not a Byte Sequence")
	}
	return fromBase64(value[1 : len(value)-1])
}

// fromXFCC decodes Envoy's header of one proxy: pairs joined by semicolons, of
// which Cert has the percent-encoded PEM in quotes.
func fromXFCC(value string) ([]byte, error) {
	found, there := "", false
	for len(value) > 0 {
		key, rest, ok := strings.Cut(value, "=")
		if !ok {
			return nil, errors.New("has a part without a value")
		}
		var text string
		if strings.HasPrefix(rest, `"`) {
			var closed bool
			if text, rest, closed = quoted(rest[1:]); !closed {
				return nil, errors.New("has a quote that does not end")
			}
		} else {
			end := strings.IndexAny(rest, ";,")
			if end < 0 {
				end = len(rest)
			}
			text, rest = rest[:end], rest[end:]
		}
		if strings.EqualFold(key, "Cert") {
			if there {
				return nil, errors.New("has Cert more than once")
			}
			found, there = text, true
		}
		switch {
		case rest == "":
		case rest[0] == ';' && len(rest) > 1:
			rest = rest[1:]
		case rest[0] == ',':
			return nil, errors.New("has elements of several proxies")
		default:
			return nil, errors.New("is malformed")
		}
		value = rest
	}
	if found == "" {
		return nil, errors.New("has no Cert")
	}
	return onePEM(found)
}

// quoted reads up to the closing quote; a backslash takes its meaning from the
// octet behind it.
func quoted(s string) (text, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
