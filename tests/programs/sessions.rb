# TLS server and client in one script, by Ruby's openssl: prints what is resumed, the callbacks that come, the answers of
# the session functions, and session_cache_stats.
#
# sessions.rb CERT KEY: run by tests/programs/scripts.rs with stock libssl and with the library preloaded.

require "openssl"
require "socket"
require "timeout"

include OpenSSL

PATIENCE = 30 # seconds

# The server side of one script run; yields its context before it is used.
class Server
  attr_reader :context, :port

  def initialize(version)
    @context = SSL::SSLContext.new
    @context.cert = X509::Certificate.new(File.read(ARGV[0]))
    @context.key = PKey.read(File.read(ARGV[1]))
    @context.min_version = @context.max_version = version
    @context.options |= SSL::OP_NO_TICKET
    @context.session_id_context = "sessions.rb"
    yield @context if block_given?
    @listener = TCPServer.new("127.0.0.1", 0)
    @port = @listener.addr[1]
  end

  # Serves one connection while the block connects; the block's value.
  def once
    serving = Thread.new do
      tls = SSL::SSLSocket.new(@listener.accept, @context)
      tls.sync_close = true
      tls.accept
      tls.write(tls.readpartial(100))
      tls.close # with a close_notify
    end
    answer = yield
    serving.join
    answer
  end
end

# Connects with `session`; the letter and the session that it ended with.
def connect(port, context, session)
  tls = SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", port), context)
  tls.sync_close = true
  tls.session = session if session
  tls.connect
  tls.write("hello")
  raise "no answer" unless tls.readpartial(100) == "hello"
  letter = tls.session_reused? ? "R" : "N"
  session = tls.session
  tls.read # to the server's end: it has stored its session by then
  tls.close
  [letter, session]
end

def reconnect(server, count, session: nil)
  client = SSL::SSLContext.new
  letters = ""
  count.times do
    letter, session = server.once { connect(server.port, client, session) }
    letters += letter
  end
  [letters, session]
end

def stats(context)
  # Ruby's own order; `cache_num` is what is in the cache.
  context.session_cache_stats.map { |name, value| "#{name}=#{value}" }.join(" ")
end

def resumption
  { "TLS 1.2 ids" => SSL::TLS1_2_VERSION, "TLS 1.3 stateful" => SSL::TLS1_3_VERSION }.each do |name, version|
    server = Server.new(version)
    letters, = reconnect(server, 6)
    puts "#{name} #{letters}: #{stats(server.context)}"
  end
end

def own_hands
  server = Server.new(SSL::TLS1_2_VERSION)
  context = server.context
  puts "mode #{context.session_cache_mode} size #{context.session_cache_size}"
  _, session = reconnect(server, 1)
  puts "same id, another object: added #{context.session_add(session)}, #{stats(context)}"
  puts "again: added #{context.session_add(session)}"
  letters, = reconnect(server, 2, session: session)
  puts "found, but of another id context: #{letters}"
  puts "removed #{context.session_remove(session)}, again #{context.session_remove(session)}, #{stats(context)}"
  context.flush_sessions
  puts "only what has expired is flushed: #{stats(context)}"
  context.flush_sessions(session.time + session.timeout + PATIENCE)
  puts "all flushed: #{stats(context)}"
  letters, session = reconnect(server, 2)
  puts "then #{letters}"
  # The client's side of it is the older one, by a second at times.
  context.flush_sessions(session.time + session.timeout)
  puts "before it expires: #{stats(context)}"
  context.flush_sessions(session.time + session.timeout + PATIENCE)
  puts "after that: #{stats(context)}"
end

# An external cache in Ruby's hands, with the internal one off, and then on.
def callbacks(mode)
  known = {}
  calls = ""
  server = Server.new(SSL::TLS1_2_VERSION) do |context|
    context.session_cache_mode = mode
    context.session_new_cb = lambda do |(_, session)|
      calls += "n"
      known[session.id] = session
    end
    context.session_get_cb = lambda do |(_, id)|
      calls += "g"
      known[id]
    end
    context.session_remove_cb = lambda { |(_, _)| calls += "r" }
  end
  letters, = reconnect(server, 4)
  puts "callbacks in mode #{mode}: #{letters} #{calls}, #{stats(server.context)}"
  known.each_value { |session| server.context.session_remove(session) }
  puts "removed: #{calls}, #{stats(server.context)}"
end

def small_cache
  calls = 0
  server = Server.new(SSL::TLS1_2_VERSION) do |context|
    context.session_cache_size = 3
    context.session_remove_cb = lambda { |(_, _)| calls += 1 }
  end
  5.times { reconnect(server, 1) }
  puts "five sessions in a cache of three: #{calls} left, #{stats(server.context)}"
end

def off
  server = Server.new(SSL::TLS1_2_VERSION) { |context| context.session_cache_mode = SSL::SSLContext::SESSION_CACHE_OFF }
  letters, = reconnect(server, 3)
  puts "off #{letters}: #{stats(server.context)}"
end

Timeout.timeout(PATIENCE) do
  resumption
  own_hands
  callbacks(SSL::SSLContext::SESSION_CACHE_SERVER | SSL::SSLContext::SESSION_CACHE_NO_INTERNAL_STORE)
  callbacks(SSL::SSLContext::SESSION_CACHE_SERVER)
  small_cache
  off
end
