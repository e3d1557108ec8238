# Objects, threads, processes and the collector of ruby.
require 'digest/md5'
require 'digest/sha2'
require 'json'
require 'set'

work = ARGV[0].to_i
records = (0...work * 10).map { |i| { id: i, name: "item #{i}", parts: (0...i % 13).to_a } }
text = JSON.generate(records)
puts text.length, Digest::SHA256.hexdigest(text)
puts JSON.parse(text, symbolize_names: true) == records
puts text.scan(/"name":"item (\d*7)"/).length
GC.start
puts Marshal.load(Marshal.dump(records)).length

digests = (1..4).map do |number|
  Thread.new { Digest::MD5.hexdigest((0...work).map { |i| "#{number} #{i}" }.join(',')) }
end
digests.each { |thread| puts thread.value }

reader, writer = IO.pipe
child = fork do
  reader.close
  writer.puts((0...work).map(&:to_s).to_set.length)
end
writer.close
puts reader.read
Process.wait child
puts $?.exitstatus
puts (7**work).to_s.length
