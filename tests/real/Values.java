/** Collections, strings and threads of java. */
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;
import java.util.stream.*;
import java.util.zip.*;

public class Values {
    static long hash(int from, int count) {
        return IntStream.range(from, from + count)
            .mapToObj(i -> "item " + i)
            .mapToLong(String::hashCode)
            .sum();
    }

    public static void main(String[] args) throws Exception {
        int work = Integer.parseInt(args[0]);
        Map<String, List<Integer>> words = new TreeMap<>();
        for (int i = 0; i < work * 10; i++) {
            words.computeIfAbsent("k" + i * 31 % 97, key -> new ArrayList<>()).add(i);
        }
        System.out.println(words.size() + " " + words.get("k5"));

        String text = words.toString();
        Matcher matcher = Pattern.compile("(\\d*7)[,\\]]").matcher(text);
        System.out.println(text.length() + " " + matcher.results().count());

        CRC32 sum = new CRC32();
        sum.update(text.getBytes());
        Deflater deflater = new Deflater(9);
        deflater.setInput(text.getBytes());
        deflater.finish();
        int squeezed = deflater.deflate(new byte[text.length() + 100]);
        deflater.end();
        System.out.println(sum.getValue() + " " + squeezed);

        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> results = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            int from = i * 1000;
            results.add(pool.submit(() -> hash(from, work)));
        }
        for (Future<Long> result : results) {
            System.out.println(result.get());
        }
        pool.shutdown();
    }
}
