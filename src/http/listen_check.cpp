#include "http/listen_check.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace oc::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

Error wrong(std::string_view what, std::string message, std::string hint) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint), std::string(what)};
}

error_code try_to_bind(const asio::ip::address& address, std::uint16_t port) {
  asio::io_context io;
  tcp::acceptor acceptor(io);
  const tcp::endpoint endpoint(address, port);
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(1, ec);
  return ec;
}

}  // namespace

Result<void> check_listen(const std::string& host, std::uint16_t port) {
  constexpr std::string_view kHost = "server.host", kPort = "server.port";
  error_code ec;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
  if (ec)
    return wrong(kHost, "\"server.host\" is not an address",
                 "use 127.0.0.1, ::1, localhost, 0.0.0.0 or another address of this machine");
  if (const error_code no = try_to_bind(address, 0); no)
    return wrong(kHost, fmt::format("\"server.host\" cannot be listened on: {}", no.message()),
                 "use 127.0.0.1, ::1, localhost, 0.0.0.0 or another address of this machine");
  if (port == 0) return {};
  if (const error_code no = try_to_bind(address, port); no)
    return wrong(
        kPort,
        no == asio::error::address_in_use
            ? fmt::format("\"server.port\": {} is taken by another program", port)
            : fmt::format("\"server.port\": {} cannot be listened on: {}", port, no.message()),
        "choose another port above 1023; 0 is any that is free");
  return {};
}

}  // namespace oc::http
