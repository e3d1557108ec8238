group_by(.city) | map({city: .[0].city, people: length, tags: (map(.tags[]) | unique | length), names: (map(.name | ascii_upcase) | join(","))}) | sort_by(.people)
