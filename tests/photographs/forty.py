"""The forty photographs of the tests: four of each digit; what each shows, its size and its file."""

FORTY = [
    # 0
    "ballpoint-blue white squared blue x6 gradient shadow tilt q55 o6 jpg 800*600",
    "pencil cream small corner gradient vignette warm q63 o1 jpg 640*480",
    "felt-black white large edge lean sharp q48 o8 jpg 480*640",
    "ballpoint-black grey ruled pale margin shadow noise q53 o1 jpg 600*600",
    # 1
    "fountain-blue white ruled violet margin holes x5 tilt gradient q58 o6 jpg 900*600",
    "chalk blackboard vignette q53 o1 jpg 640*480",
    "ballpoint-blue cream large motion warm q58 o3 jpg 480*640",
    "felt-black recycled crumple table lamp q55 o1 jpg 600*480",
    # 2
    "pencil white squared pale x4 shadow lean q59 o1 jpg 720*540",
    "marker whiteboard glare vignette sharp q53 o1 jpg 640*480",
    "ballpoint-blue white ruled blue gradient dark noise q57 o6 jpg 640*480",
    "felt-blue yellow corner tilt cold q48 o1 jpg 500*500",
    # 3
    "ballpoint-black white through x3 tilt gradient warm q55 o8 jpg 760*520",
    "fineliner-red white squared blue shadow q59 o1 jpg 480*640",
    "faint-pencil white small gradient q68 o1 jpg 640*480",
    "felt-black cream large lean fold vignette q48 o5 jpg 480*480",
    # 4
    "ballpoint-blue white squared strong-blue x8 pen shadow tilt q59 o6 jpg 900*675",
    "white-pencil black-card tilt noise q53 o1 jpg 480*640",
    "fineliner-green cream ruled blue pen corner gradient q55 o1 jpg 640*480",
    "felt-black white thumb lamp pen q51 o1 webp 600*450",
    # 5
    "ballpoint-blue white ruled blue margin x3 pen lean shadow q59 o3 jpg 760*500",
    "pencil grey crumple pen gradient q55 o1 jpg 520*640",
    "marker-blue whiteboard pen large glare cold q51 o1 jpg 640*480",
    "ballpoint-black recycled edge small noise blur q63 o7 jpg 640*640",
    # 6
    "fountain-blue cream squared pale x9 gradient vignette q59 o1 jpg 900*675",
    "felt-black white table dark shadow q51 o6 jpg 480*640",
    "pencil white ruled strong-blue shadows tilt q59 o1 jpg 600*450",
    "fineliner-red yellow large motion lean q53 o1 jpg 480*480",
    # 7
    "ballpoint-black white x12 tilt edge gradient q57 o8 jpg 900*675",
    "chalk slate corner noise vignette q53 o1 jpg 640*480",
    "ballpoint-blue white squared blue shadow blur warm q59 o1 png 400*300",
    "felt-blue recycled through lean sharp q48 o2 jpg 600*450",
    # 8
    "pencil cream ruled violet x4 lamp lean q59 o1 jpg 760*570",
    "ballpoint-blue white small corner shadow vignette q65 o6 jpg 720*540",
    "felt-black grey large crumple gradient cold q48 o1 jpg 480*640",
    "fineliner-green white squared pale tilt noise q55 o1 mono 560*560",
    # 9
    "ballpoint-blue white ruled blue pen holes x7 fold gradient tilt q57 o6 jpg 900*675",
    "faint-pencil cream shadow lamp q65 o1 jpg 600*450",
    "ballpoint-black yellow table greenish blur q55 o4 jpg 480*640",
    "felt-black white squared strong-blue large dark gradient sharp q51 o1 palette 360*360",
]
