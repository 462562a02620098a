"""The network explained on the visitor's own drawing: why this digit, what is inside, in numbers.

why, inside, arithmetic, pressable and memory know Streamlit. The others make pictures and words
out of numbers, and know no page.
"""
