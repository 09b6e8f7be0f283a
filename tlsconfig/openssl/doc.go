// Package openssl is the guidance's TLS profile on the system's libssl 3.
package openssl
