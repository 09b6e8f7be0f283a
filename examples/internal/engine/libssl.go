// SPDX-License-Identifier: Apache-2.0

//go:build !nolibssl

package engine

import (
	"net"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

func listenLibssl(inner net.Listener, end *tlsconfig.Endpoint) (net.Listener, error) {
	return openssl.NewListener(inner, end)
}

func libsslTransport(end *tlsconfig.Endpoint) (http.RoundTripper, error) {
	dialer, err := openssl.NewDialer(end)
	if err != nil {
		return nil, err
	}
	return dialer.Transport(), nil
}
